"""Graceful shutdown: drain first, then no new connection, and every request in flight is answered."""

import asyncio
import contextlib
import os
import signal

import pytest
from aiohttp import web

from devstack.loopback import free_port
from shared.http.health import health_routes
from shared.http.serve import serve

REQUEST = b"GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Served:
    """A server in this loop, with one quick and one slow answer, and a drain that only a second signal ends."""

    def __init__(self):
        self.port = free_port(("127.0.0.1",))
        self.ready = asyncio.Event()
        self.entered = asyncio.Event()
        self.finish = asyncio.Event()
        self.streams_end = asyncio.Event()
        app = web.Application()
        app.add_routes([web.get("/quick", self.quick), web.get("/slow", self.slow), web.get("/stream", self.stream)])
        app.add_routes(health_routes({}))
        app.on_shutdown.append(self.end_streams)
        self.task = asyncio.create_task(
            serve(
                app,
                hosts=["127.0.0.1"],
                port=self.port,
                drain_seconds=60,
                shutdown_seconds=5,
                on_ready=self.ready.set,
            )
        )

    async def quick(self, _request):
        return web.Response(text="quick")

    async def slow(self, _request):
        self.entered.set()
        await self.finish.wait()
        return web.Response(text="slow")

    async def stream(self, _request):
        self.entered.set()
        await self.streams_end.wait()
        return web.Response(text="stream")

    async def end_streams(self, _app):
        self.streams_end.set()

    async def connect(self):
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def fetch(self, path):
        """The whole answer, over a connection of its own that the server closes."""
        reader, writer = await self.connect()
        await ask(writer, path)
        answer = await reader.read()
        await left(writer)
        return answer.decode()

    async def drain(self):
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(5):
            while "503" not in await self.fetch_head("readyz"):
                pass

    async def fetch_head(self, path):
        reader, writer = await self.connect()
        await ask(writer, path)
        head = await reader.readuntil(b"\r\n\r\n")
        await left(writer)
        return head.decode()

    async def close(self):
        """End the drain, and wait until no connection is accepted any more."""
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionRefusedError, ConnectionResetError):
                while True:
                    _, another = await self.connect()
                    await left(another)
                    await asyncio.sleep(0.01)


@pytest.fixture
async def served():
    server = Served()
    await server.ready.wait()
    yield server
    server.finish.set()
    while not server.task.done():
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait([server.task], timeout=0.1)
    await server.task


async def left(writer):
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def ask(writer, path):
    writer.write(REQUEST.replace(b"{}", path.encode()))
    await writer.drain()


async def test_in_the_drain_it_is_alive_but_not_ready(served):
    assert "200" in await served.fetch_head("readyz")
    await served.drain()
    ready = await served.fetch("readyz")
    assert ready.startswith("HTTP/1.1 503")
    assert '"draining": true' in ready
    assert (await served.fetch("livez")).startswith("HTTP/1.1 200")


async def test_in_the_drain_requests_on_old_and_new_connections_are_answered_and_the_connections_closed(served):
    reader, writer = await served.connect()
    await served.drain()
    await ask(writer, "quick")
    for answer in ((await reader.read()).decode(), await served.fetch("quick")):
        assert answer.startswith("HTTP/1.1 200")
        assert "Connection: close" in answer
        assert answer.endswith("quick")
    await left(writer)


async def test_after_the_drain_no_connection_is_accepted_and_a_request_in_flight_is_answered(served):
    reader, writer = await served.connect()
    await ask(writer, "slow")
    await served.entered.wait()
    await served.drain()
    await served.close()
    served.finish.set()
    assert (await reader.read()).endswith(b"slow")
    await left(writer)


async def test_streams_end_after_the_drain_when_no_connection_is_accepted(served):
    reader, writer = await served.connect()
    await ask(writer, "stream")
    await served.entered.wait()
    await served.drain()
    assert not served.streams_end.is_set()
    await served.close()
    assert (await reader.read()).endswith(b"stream")
    await left(writer)
    await asyncio.wait_for(served.task, 5)


async def test_before_the_stop_connections_are_kept(served):
    reader, writer = await served.connect()
    for _ in range(2):
        await ask(writer, "quick")
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"Connection: close" not in head
        await reader.readexactly(5)
    await left(writer)
