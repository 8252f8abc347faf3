"""Sends bytes and reads one answer: an HTTP library would refuse to send what is sent here."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

MAX_ANSWER_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Received:
    """An answer; status 0 if the server closed the connection without one."""

    status: int
    head: str
    body: bytes

    def header(self, name: str) -> str:
        """The value of a header, empty when it is absent."""
        for line in self.head.split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name.lower():
                return value.strip()
        return ""


async def exchange(port: int, data: bytes, *, source: str = "127.0.0.1") -> Received:
    """Send and read to the end of the answer. The caller bounds the time."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=MAX_ANSWER_BYTES, local_addr=(source, 0))
    try:
        with contextlib.suppress(OSError):
            writer.write(data)
            await writer.drain()
        return await _read(reader)
    finally:
        writer.transport.abort()


async def _read(reader: asyncio.StreamReader) -> Received:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except (asyncio.IncompleteReadError, OSError):
        return Received(0, "", b"")
    received = Received(int(head.split(" ", 2)[1]), head, b"")
    if received.status == 100:
        return await _read(reader)
    # Every request asks to close the connection; a mutated one may not, so a stated length ends it too.
    length = received.header("Content-Length")
    with contextlib.suppress(asyncio.IncompleteReadError, OSError):
        if length:
            head_only = received.status in {204, 304}
            body = await _read_up_to(reader, 0 if head_only else int(length))
        elif received.status in {204, 304}:
            body = b""
        else:
            body = await reader.read(MAX_ANSWER_BYTES)
        return Received(received.status, head, body)
    return received


async def _read_up_to(reader: asyncio.StreamReader, length: int) -> bytes:
    """The announced length, or less when the connection ends first (the answer to a HEAD has no body)."""
    body = b""
    while len(body) < length and (more := await reader.read(length - len(body))):
        body += more
    return body
