"""Clients that refresh their own grants, at our token endpoint or another's."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Self
from urllib.parse import urlencode

from tests.benchmarks.callers import Connection
from tests.benchmarks.harness import processor_seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import TracebackType


class Refreshing:
    """Each client has a connection, and refreshes one time after the other. An async context manager."""

    def __init__(self, port: int, pid: int | None, *, path: str, client_id: str, tokens: Sequence[str]) -> None:
        """`tokens` are the refresh tokens, one for each client; `pid` is of the process whose time counts."""
        self._port = port
        self._pid = pid
        self._path = path
        self._client_id = client_id
        self._tokens = list(tokens)
        self._connections: list[Connection] = []
        self.done = 0
        """Number of refreshes that have succeeded."""
        self.answer = b""
        """The body of the last answer."""

    async def __aenter__(self) -> Self:
        self._connections = [await Connection.open(self._port) for _ in self._tokens]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in self._connections:
            connection.close()

    async def refresh(self, count: int) -> None:
        """So many times, by all clients together. Every one must succeed."""
        await self._refresh(range(count))

    async def go_on(self, seconds: float) -> None:
        """Refresh for about so many seconds."""
        end = time.monotonic() + seconds
        await self._refresh(iter(lambda: time.monotonic() < end, False))

    async def cost(self, count: int) -> float:
        """The processor time for one refresh, in seconds."""
        before = processor_seconds(self._pid)
        await self.refresh(count)
        return (processor_seconds(self._pid) - before) / count

    async def cost_during(self, seconds: float) -> float:
        """The same over a stretch of about so many seconds."""
        before, done = processor_seconds(self._pid), self.done
        await self.go_on(seconds)
        return (processor_seconds(self._pid) - before) / (self.done - done)

    async def seconds(self, count: int) -> float:
        """The seconds for one refresh while all clients are busy: one divided by the rate."""
        began = time.perf_counter()
        await self.refresh(count)
        return (time.perf_counter() - began) / count

    def request(self, number: int = 0) -> bytes:
        """The next one of a client."""
        form = {
            "grant_type": "refresh_token",
            "refresh_token": self._tokens[number],
            "client_id": self._client_id,
        }
        body = urlencode(form)
        return (
            f"POST {self._path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    async def _refresh(self, times: Iterable[object]) -> None:
        left = iter(times)

        async def some(number: int) -> None:
            for _ in left:
                status, self.answer = await self._connections[number].ask(self.request(number))
                assert status == 200, self.answer
                self.done += 1
                self._tokens[number] = json.loads(self.answer)["refresh_token"]

        await asyncio.gather(*(some(number) for number in range(len(self._tokens))))
