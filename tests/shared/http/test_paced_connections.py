"""Streams begin, and connections end, when it is their turn; calls wait for none of them."""

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest
from aiohttp import web

from shared.http.connections import CONNECTIONS, ConnectionTable
from shared.http.paced_connections import PacedConnection, StreamPace
from shared.http.runner import CONNECTION
from shared.http.stream_heads import stream_heads
from shared.turn_limiter import TurnLimiter
from tests.support.service_server import ServiceServer

STREAM = b"GET /mcp HTTP/1.1\r\nHost: a\r\n\r\n"
CALL = b"POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\ncall"
MARKED = b"POST /mcp HTTP/1.1\r\nHost: a\r\nMcp-Method: a/listen\r\nContent-Length: 6\r\n\r\nabcdef"


class Turns:
    """Turns for the work that waits, made by the test; `open` makes all that follow by themselves."""

    def __init__(self):
        self._waiting = []
        self._is_open = False

    def next_turn(self, callback):
        if self._is_open:
            asyncio.get_running_loop().call_soon(callback)
        else:
            self._waiting.append(callback)

    def make(self):
        waiting, self._waiting = self._waiting, []
        for callback in waiting:
            callback()

    def open(self):
        self._is_open = True
        self.make()


class Served:
    """A server whose streams stay open until their clients leave."""

    def __init__(self):
        self.turns = Turns()
        self.begun, self.ended = [], []
        self._changed = asyncio.Condition()
        self._caller = None
        pace = StreamPace()
        pace.starts, pace.ends = (TurnLimiter(1, next_turn=self.turns.next_turn) for _ in range(2))
        app = web.Application()
        self.table = app[CONNECTIONS] = ConnectionTable()
        heads = stream_heads(["/mcp"], marker=b"a/listen")
        connection: Callable[..., PacedConnection] = partial(PacedConnection, heads=heads, pace=pace)
        app[CONNECTION] = connection
        app.add_routes([web.get("/mcp", self._stream), web.post("/mcp", self._call), web.get("/other", self._call)])
        self.server = ServiceServer(app)

    async def _call(self, request):
        return web.Response(text=f"read {len(await request.read())} bytes")

    async def _stream(self, request):
        peer = request.transport.get_extra_info("peername")[1]
        await self._note(self.begun, peer)
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await asyncio.shield(self._note(self.ended, peer))

    async def _note(self, among, peer):
        async with self._changed:
            among.append(peer)
            self._changed.notify_all()

    async def until(self, among, count):
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(lambda: len(among) >= count)

    @asynccontextmanager
    async def streams(self, count):
        """As many clients that have asked for a stream; the bytes of all have arrived."""
        writers = []
        for _ in range(count):
            _, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
            writer.write(STREAM)
            writers.append(writer)
            # The answer to a later request of another client shows that these bytes have been read.
            await self.ask(CALL)
        try:
            yield writers
        finally:
            self.turns.open()
            for writer in writers:
                writer.close()

    async def ask(self, request):
        """The answer on the one connection of the caller."""
        if self._caller is None:
            self._caller = await asyncio.open_connection("127.0.0.1", self.server.port)
        reader, writer = self._caller
        writer.write(request)
        return await answer(reader)

    def close(self):
        if self._caller is not None:
            self._caller[1].close()


async def answer(reader):
    async with asyncio.timeout(10):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return (await reader.readexactly(length)).decode()


@pytest.fixture
async def served():
    served = Served()
    await served.server.start_server()
    yield served
    served.turns.open()
    served.close()
    await served.server.close()


def ports(writers):
    return [writer.get_extra_info("sockname")[1] for writer in writers]


async def test_one_stream_begins_in_a_turn_in_the_order_of_arrival(served):
    async with served.streams(3) as writers:
        for count in (1, 2, 3):
            await served.until(served.begun, count)
            assert served.begun == ports(writers)[:count]
            served.turns.make()


async def test_a_call_is_answered_while_streams_wait_to_begin(served):
    async with served.streams(3):
        assert await served.ask(CALL) == "read 4 bytes"
        assert len(served.begun) == 1


async def test_a_get_of_another_address_does_not_wait(served):
    async with served.streams(2):
        assert await served.ask(b"GET /other HTTP/1.1\r\nHost: a\r\n\r\n") == "read 0 bytes"


async def test_a_request_with_the_marker_waits_and_what_its_client_sends_next_is_answered_after_it(served):
    async with served.streams(1):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.server.port)
        writer.write(MARKED + CALL)
        await served.ask(CALL)
        writer.write(CALL.replace(b"4", b"2").replace(b"call", b"ab"))
        begins = asyncio.create_task(answer(reader))
        await served.ask(CALL)
        assert not begins.done()
        served.turns.make()
        assert [await begins, await answer(reader), await answer(reader)] == [f"read {n} bytes" for n in (6, 4, 2)]
        writer.close()


async def test_what_is_long_is_not_kept_while_it_waits(served):
    async with served.streams(1):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.server.port)
        head, body = MARKED.replace(b"Content-Length: 6", b"Content-Length: 20000").split(b"abcdef")[0], b"a" * 20_000
        writer.write(head + body)
        assert await answer(reader) == "read 20000 bytes"
        writer.close()


async def test_a_client_that_leaves_while_its_stream_waits_costs_the_others_nothing(served):
    async with served.streams(3) as writers:
        writers[1].close()
        served.turns.make()
        served.turns.make()
        served.turns.make()
        await served.until(served.begun, 2)
        assert ports([writers[2]])[0] in served.begun


async def test_connections_end_one_in_a_turn_when_all_clients_leave(served):
    async with served.streams(3) as writers:
        served.turns.make()
        served.turns.make()
        await served.until(served.begun, 3)
        served.turns.make()
        for writer in writers:
            writer.close()
        await served.until(served.ended, 1)
        assert await served.ask(CALL) == "read 4 bytes"
        assert len(served.ended) == 1
        for count in (2, 3):
            served.turns.make()
            await served.until(served.ended, count)


async def test_the_socket_of_a_client_that_sends_no_more_is_closed_when_it_is_its_turn(served):
    idle = [await asyncio.open_connection("127.0.0.1", served.server.port) for _ in range(2)]
    for _, writer in idle:
        writer.write_eof()
        await served.ask(CALL)
    async with asyncio.timeout(10):
        assert await idle[0][0].read() == b""
        closed = asyncio.create_task(idle[1][0].read())
        await served.ask(CALL)
        assert not closed.done()
        served.turns.make()
        assert await closed == b""
    for _, writer in idle:
        writer.close()


async def test_a_request_that_waits_for_its_turn_is_no_idle_connection():
    connection = object.__new__(PacedConnection)
    connection._held = b"GET /mcp"
    assert connection.waiting_since is None
