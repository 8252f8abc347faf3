"""Requests to a service as bytes, for what an HTTP library would not send."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.fuzz.raw_http import Received, exchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ANSWER_SECONDS = 20


@dataclass
class RawHttpService:
    """A service on a local port. `paths` are the paths that it serves, and one that does not exist."""

    name: str
    port: int
    logs: list[list[dict[str, Any]]]
    paths: tuple[str, ...]
    credentials: dict[str, str] = field(default_factory=dict)
    """Headers that authenticate a request, where the service asks for them."""

    async def send(self, data: bytes) -> Received:
        """Send bytes, read one answer."""
        return await asyncio.wait_for(exchange(self.port, data), ANSWER_SECONDS)

    async def ask(self, method: str, path: str, *headers: tuple[str, str | bytes], body: bytes = b"") -> Received:
        """Send one request with these headers and the credentials that they do not replace."""
        return await self.send(self.request(method, path, *headers, body=body))

    def request(self, method: str, path: str, *headers: tuple[str, str | bytes], body: bytes = b"") -> bytes:
        """The bytes of one request on a connection of its own."""
        named = {name.lower() for name, _ in headers}
        usual: dict[str, str] = {"Host": f"localhost:{self.port}", "Connection": "close", **self.credentials}
        if body or method in {"POST", "PUT"}:
            usual["Content-Length"] = str(len(body))
        lines = [f"{method} {path} HTTP/1.1".encode()]
        lines += [f"{name}: {value}".encode() for name, value in usual.items() if name.lower() not in named]
        lines += [
            name.encode() + b": " + (value if isinstance(value, bytes) else value.encode()) for name, value in headers
        ]
        return b"\r\n".join(lines) + b"\r\n\r\n" + body

    def lines_of(self, request_id: str) -> list[dict[str, Any]]:
        """The access log lines of a request."""
        found = {id(line): line for log in self.logs for line in log if line.get("request_id") == request_id}
        return [line for line in found.values() if line["event"] == "request"]


@asynccontextmanager
async def longest_stall() -> AsyncIterator[list[float]]:
    """The longest work without a pause of this loop, in seconds of its processor; filled in at the end."""
    found = [0.0]

    async def watch() -> None:
        last = time.thread_time()
        while True:
            await asyncio.sleep(0.005)
            now = time.thread_time()
            found[0] = max(found[0], now - last)
            last = now

    watching = asyncio.create_task(watch())
    try:
        yield found
    finally:
        watching.cancel()
