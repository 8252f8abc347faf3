"""The client's side of streams of events: those of calls, read to the end, and those that stay open."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, Self

from tests.benchmarks.behind_guard.messages import EVENT, TO_ALL, listening
from tests.benchmarks.callers import Connection
from tests.benchmarks.harness import processor_seconds
from tests.benchmarks.tool_calls import tool_call

if TYPE_CHECKING:
    from types import TracebackType

CONNECTIONS: Final = 4
_LAST_CHUNK: Final = b"0\r\n\r\n"


class EventReaders:
    """Calls that are answered by a stream of `events` events each. An async context manager."""

    def __init__(self, port: int, pid: int | None, *, token: str, events: int) -> None:
        """`pid` is of the process whose processor time counts."""
        self._port = port
        self._pid = pid
        self._call = tool_call(token, "who", {"events": events})
        self._events = events
        self._readers: list[_Reader] = []

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for _ in range(CONNECTIONS):
            self._readers.append((await loop.create_connection(_Reader, "127.0.0.1", self._port))[1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        for reader in self._readers:
            reader.close()

    async def read(self, rounds: int) -> None:
        """Every connection makes so many calls and reads all events of each."""
        await asyncio.gather(*(self._read(reader, rounds) for reader in self._readers))

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

    async def _read(self, reader: _Reader, rounds: int) -> None:
        for _ in range(rounds):
            head, _, body = (await reader.ask(self._call)).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            found = unchunked(body).count(EVENT)
            assert found == self._events, f"{found} of {self._events} events have come"


def unchunked(body: bytes) -> bytes:
    """A body without its chunk framing (RFC 9112 section 7.1)."""
    parts: list[bytes] = []
    at = 0
    while True:
        end = body.index(b"\r\n", at)
        size = int(body[at:end], 16)
        if size == 0:
            return b"".join(parts)
        parts.append(body[end + 2 : end + 2 + size])
        at = end + size + 4


class _Reader(asyncio.Protocol):
    """Collects one chunked answer after the other: a client that costs little for each part that comes."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._tail = b""
        self._answer: asyncio.Future[bytes] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parts.append(data)
        self._tail = (self._tail + data[-len(_LAST_CHUNK) :])[-len(_LAST_CHUNK) :]
        if self._tail == _LAST_CHUNK and self._answer is not None:
            self._answer.set_result(b"".join(self._parts))
            self._answer = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None:
            self._answer.set_exception(ConnectionResetError(b"".join(self._parts)[:200]))

    async def ask(self, request: bytes) -> bytes:
        """The whole answer, as it came."""
        assert self._transport is not None
        self._parts.clear()
        self._tail = b""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Leave."""
        if self._transport is not None:
            self._transport.close()


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
        connection = await Connection.open(self._port)
        status, body = await connection.ask(self._to_all)
        assert status == 200, body
        await asyncio.gather(*(stream.got_event for stream in self._open))
        connection.close()

    def close(self) -> None:
        """Leave all of them."""
        for stream in self._open:
            stream.close()
        self._open.clear()
