"""A DNS server on this machine, some of whose names never get an answer."""

import asyncio
from ipaddress import ip_address
from typing import Any, Self


class LocalDns(asyncio.DatagramProtocol):
    """An async context manager. Every name is 127.0.0.1, except for those that start with `silent`."""

    def __init__(self, *, silent: str) -> None:
        self._silent = silent
        self.asked: list[str] = []
        self.nameserver = ""

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.nameserver = f"127.0.0.1:{self._transport.get_extra_info('sockname')[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1 : at + 1 + data[at]].decode())
            at += 1 + data[at]
        name, question = ".".join(labels), data[12 : at + 5]
        self.asked.append(name)
        if name.startswith(self._silent):
            return
        is_ipv4_asked = question[-4:-2] == b"\x00\x01"
        answer = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04" + ip_address("127.0.0.1").packed
        counts = b"\x00\x01" + (b"\x00\x01" if is_ipv4_asked else b"\x00\x00") + bytes(4)
        self._transport.sendto(data[:2] + b"\x81\x80" + counts + question + (answer if is_ipv4_asked else b""), addr)
