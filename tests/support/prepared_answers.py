"""A document read twice: as prepared, and by the application, which answers where there is a header to check."""

import asyncio
from dataclasses import dataclass

from aiohttp.test_utils import TestServer

CHECKED = "Content-Type: text/plain\r\n"


@dataclass(frozen=True)
class RawAnswer:
    """An answer without what differs from request to request."""

    status: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


async def read_both(server: TestServer, path: str, headers: str = "") -> tuple[RawAnswer, RawAnswer]:
    """The prepared answer, and that of the application."""
    return await _read(server, path, headers), await _read(server, path, headers + CHECKED)


async def _read(server: TestServer, path: str, headers: str) -> RawAnswer:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode())
        status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        body = await reader.readexactly(int(fields.get("content-length", 0)))
    finally:
        writer.close()
    assert fields.pop("x-request-id")
    assert fields.pop("date")
    if "ratelimit" in fields:
        fields["ratelimit"] = fields["ratelimit"].partition(";r=")[0]
    return RawAnswer(status, tuple(sorted(fields.items())), body)


async def statuses_of(server: TestServer, path: str, client: str, *, number: int = 1) -> set[str]:
    """The statuses of so many requests at once, which a trusted proxy passes on for a client."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    statuses = set()
    try:
        request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {client}\r\n\r\n"
        writer.write(request.encode() * number)
        for _ in range(number):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            statuses.add(head[9:12])
            await reader.readexactly(int(head.partition("content-length: ")[2].partition("\r\n")[0]))
    finally:
        writer.close()
    return statuses
