"""Requests as bytes, written to the socket ready-made: the client costs little, and the same for every server."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from typing import TYPE_CHECKING, Self

from tests.benchmarks.harness import processor_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

CONNECTIONS = 16
"""So many that a server which has its core for itself never waits for the client."""
_END_OF_HEAD = b"\r\n\r\n"
_LAST_CHUNK = b"\r\n0\r\n\r\n"
_HOST = "127.0.0.1"


def parse_answer(data: bytes) -> tuple[int, bytes] | None:
    """Status and body of an HTTP answer, None while it is incomplete. A chunked body keeps its framing."""
    head, found, body = data.partition(_END_OF_HEAD)
    if not found:
        return None
    fields = head.lower()
    if b"\r\ntransfer-encoding: chunked" in fields:
        is_complete = body.endswith(_LAST_CHUNK)
    else:
        is_complete = len(body) >= int(fields.partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0])
    return (int(head[9:12]), body) if is_complete else None


class Connection(asyncio.Protocol):
    """One connection, which carries one request at a time."""

    def __init__(self) -> None:
        self._received = b""
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def open(cls, port: int, *, source: str = _HOST) -> Self:
        """Connect to this port of 127.0.0.1, from an address of this machine."""
        loop = asyncio.get_running_loop()
        return (await loop.create_connection(cls, _HOST, port, local_addr=(source, 0)))[1]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received = self._received + data if self._received else data
        answer = parse_answer(self._received)
        if answer is not None and self._answer is not None:
            self._received = b""
            self._answer.set_result(answer)
            self._answer = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None:
            self._answer.set_exception(ConnectionResetError(self._received[:200]))

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a request; the status and the whole body of its answer. Raises ConnectionResetError."""
        assert self._transport is not None
        if self._transport.is_closing():
            raise ConnectionResetError("the server has closed the connection")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Leave."""
        if self._transport is not None:
            self._transport.close()


class Callers:
    """A few connections to one server, held open. An async context manager."""

    def __init__(
        self, port: int, *pids: int | None, connections: int = CONNECTIONS, sources: Iterator[str] | None = None
    ) -> None:
        """`pids` are of the processes whose processor time counts: the server's one, or all that a request passes.

        `sources` gives each connection an address of its own, so that they do not meet the rate limit of one.
        """
        self._port = port
        self._pids = pids
        self._count = connections
        self._sources = itertools.repeat(_HOST) if sources is None else sources
        self._connections: list[Connection] = []

    async def __aenter__(self) -> Self:
        self._connections = [
            await Connection.open(self._port, source=source) for source in itertools.islice(self._sources, self._count)
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in self._connections:
            connection.close()

    async def once(self, data: bytes) -> tuple[int, bytes]:
        """The answer to one request."""
        return await self._connections[0].ask(data)

    async def make(self, requests: Sequence[bytes]) -> None:
        """All of them, each connection one after the other. Every one must succeed."""
        left = iter(requests)

        async def some(connection: Connection) -> None:
            for data in left:
                status, body = await connection.ask(data)
                assert status == 200, (status, body)

        await asyncio.gather(*(some(connection) for connection in self._connections))

    async def latency(self, requests: Sequence[bytes]) -> float:
        """The median of the seconds that one of them takes, one after the other on one connection."""
        return statistics.median([await self._seconds(data) for data in requests])

    async def cost(self, requests: Sequence[bytes]) -> float:
        """The processor time for one of them, in seconds: that of the process which needs most, and limits the rate."""
        before = [processor_seconds(pid) for pid in self._pids]
        await self.make(requests)
        return max(processor_seconds(pid) - b for pid, b in zip(self._pids, before, strict=True)) / len(requests)

    async def _seconds(self, data: bytes) -> float:
        started = time.perf_counter()
        status, body = await self.once(data)
        taken = time.perf_counter() - started
        assert status == 200, (status, body)
        return taken
