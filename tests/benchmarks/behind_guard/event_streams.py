"""The client's side of streams of events: those of calls, read to the end, and those that stay open."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, Self

from tests.benchmarks.behind_guard.messages import EVENT, TO_ALL, listening
from tests.benchmarks.harness import processor_seconds
from tests.benchmarks.tool_calls import exchange, tool_call

if TYPE_CHECKING:
    from types import TracebackType

CONNECTIONS: Final = 4
_LAST_CHUNK: Final = b"0\r\n\r\n"
_LIMIT: Final = 1 << 24


class EventReaders:
    """Calls that are answered by a stream of `events` events each. An async context manager."""

    def __init__(self, port: int, pid: int | None, *, token: str, events: int) -> None:
        """`pid` is of the process whose processor time counts."""
        self._port = port
        self._pid = pid
        self._call = tool_call(token, "who", {"events": events})
        self._events = events
        self._connections: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def __aenter__(self) -> Self:
        for _ in range(CONNECTIONS):
            self._connections.append(await asyncio.open_connection("127.0.0.1", self._port, limit=_LIMIT))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _reader, writer in self._connections:
            writer.close()

    async def read(self, rounds: int) -> None:
        """Every connection makes so many calls and reads all events of each."""
        await asyncio.gather(*(self._read(*connection, rounds) for connection in self._connections))

    async def cost(self, rounds: int) -> float:
        """The processor time for one event, in seconds."""
        before = processor_seconds(self._pid)
        await self.read(rounds)
        return (processor_seconds(self._pid) - before) / (rounds * CONNECTIONS * self._events)

    async def seconds(self, rounds: int) -> float:
        """The seconds for one event while all connections are busy: one divided by the rate."""
        started = time.perf_counter()
        await self.read(rounds)
        return (time.perf_counter() - started) / (rounds * CONNECTIONS * self._events)

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, rounds: int) -> None:
        for _ in range(rounds):
            writer.write(self._call)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            body = await reader.readuntil(_LAST_CHUNK)
            assert body.count(EVENT) == self._events, body[:200]


class OpenStream(asyncio.Protocol):
    """One stream that stays open: notes when its head and its first event have come, and keeps nothing."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.got_event: asyncio.Future[None] = loop.create_future()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self.opened.done():
            if data.startswith(b"HTTP/1.1 200"):
                self.opened.set_result(None)
            else:
                self.opened.set_exception(AssertionError(data[:200]))
        if b"data: " in data and not self.got_event.done():
            self.got_event.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        for waiting in (self.opened, self.got_event):
            if not waiting.done():
                waiting.set_exception(ConnectionResetError("the stream has ended"))
                waiting.exception()  # it need not be waited for

    def close(self) -> None:
        """Leave."""
        if self._transport is not None:
            self._transport.close()


class IdleStreams:
    """Streams of one token that stay open through the guard."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._request = listening(token)
        self._to_all = tool_call(token, "who", {"say": TO_ALL.decode()})
        self._open: list[OpenStream] = []

    async def open(self, count: int, *, at_once: int = 100) -> None:
        """Open so many; returns when the heads of all have come."""
        loop = asyncio.get_running_loop()
        for start in range(0, count, at_once):
            made = [
                loop.create_connection(lambda: OpenStream(self._request), "127.0.0.1", self._port)
                for _ in range(min(at_once, count - start))
            ]
            streams = [stream for _, stream in await asyncio.gather(*made)]
            self._open += streams
            await asyncio.gather(*(stream.opened for stream in streams))

    async def event_to_all(self) -> None:
        """Have the server send an event to every stream; returns when all have got it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        status, body = await exchange(reader, writer, self._to_all)
        assert status == 200, body
        await asyncio.gather(*(stream.got_event for stream in self._open))
        writer.close()

    def close(self) -> None:
        """Leave all of them."""
        for stream in self._open:
            stream.close()
        self._open.clear()
