"""A server that stops loses no call: who is in gets an answer, and nobody new is let in."""

import asyncio
import contextlib
import os
import signal

import pytest
from aiohttp import web

from devstack.loopback import free_port
from shared.http.serve import serve

REQUEST = b"GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Served:
    """A server in this loop, with one quick and one slow answer."""

    def __init__(self):
        self.port = free_port(("127.0.0.1",))
        self.ready = asyncio.Event()
        self.entered = asyncio.Event()
        self.finish = asyncio.Event()
        self.told = asyncio.Event()
        app = web.Application()
        app.add_routes([web.get("/quick", self.quick), web.get("/slow", self.slow), web.get("/livez", self.quick)])
        self.task = asyncio.create_task(
            serve(
                app,
                hosts=["127.0.0.1"],
                port=self.port,
                shutdown_seconds=5,
                on_ready=self.ready.set,
                on_stopping=self.told.set,
            )
        )

    async def quick(self, _request):
        return web.Response(text="quick")

    async def slow(self, _request):
        self.entered.set()
        await self.finish.wait()
        return web.Response(text="slow")

    async def connect(self):
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def connect_again_and_again(self):
        while True:
            _, another = await self.connect()
            await left(another)
            await asyncio.sleep(0.01)

    async def stop(self):
        os.kill(os.getpid(), signal.SIGTERM)
        await self.told.wait()
        # The next turn of the loop closes the door.
        await asyncio.sleep(0)


@pytest.fixture
async def served():
    server = Served()
    await server.ready.wait()
    yield server
    server.finish.set()
    if not server.task.done():
        os.kill(os.getpid(), signal.SIGTERM)
    await server.task


async def left(writer):
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def ask(writer, path):
    writer.write(REQUEST.replace(b"{}", path.encode()))
    await writer.drain()


async def test_a_request_that_is_still_on_its_way_is_answered_and_the_connection_closed(served):
    reader, writer = await served.connect()
    await served.stop()
    await ask(writer, "quick")
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"Connection: close" in answer
    assert answer.endswith(b"quick")
    await left(writer)


async def test_a_request_in_flight_ends_properly(served):
    reader, writer = await served.connect()
    await ask(writer, "slow")
    await served.entered.wait()
    await served.stop()
    served.finish.set()
    assert (await reader.read()).endswith(b"slow")
    await left(writer)


async def test_who_asks_whether_it_is_alive_is_cut_off_while_others_are_still_answered(served):
    await served.stop()
    reader, writer = await served.connect()
    await ask(writer, "livez")
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    await left(writer)
    reader, writer = await served.connect()
    await ask(writer, "quick")
    assert (await reader.read()).endswith(b"quick")
    await left(writer)


async def test_in_the_end_nobody_new_is_let_in(served):
    reader, writer = await served.connect()
    await ask(writer, "slow")
    await served.entered.wait()
    await served.stop()
    with pytest.raises((ConnectionRefusedError, ConnectionResetError)):
        await served.connect_again_and_again()
    served.finish.set()
    assert (await reader.read()).endswith(b"slow")
    await left(writer)


async def test_before_the_stop_connections_are_kept(served):
    reader, writer = await served.connect()
    for _ in range(2):
        await ask(writer, "quick")
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"Connection: close" not in head
        await reader.readexactly(5)
    await left(writer)
