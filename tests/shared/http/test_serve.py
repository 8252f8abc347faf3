"""Graceful shutdown: drain first, then no new connection, and every request in flight is answered."""

import asyncio
import contextlib
import signal
import sys

import pytest

from devstack.service_process import REPOSITORY
from tests.support.free_ports import free_port

REQUEST = b"GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Served:
    """The application of served_app.py in a process of its own, and its events."""

    def __init__(self):
        self.port = free_port(("127.0.0.1",))
        self.events: list[str] = []
        self._heard = asyncio.Condition()
        self._signals = 0

    async def start(self):
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.shared.http.served_app", str(self.port)),
            cwd=REPOSITORY,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        self._listener = asyncio.create_task(self._listen())
        await self.until("ready")

    async def _listen(self):
        async for line in self.process.stdout:
            async with self._heard:
                self.events.append(line.decode().strip())
                self._heard.notify_all()

    async def until(self, event):
        async with asyncio.timeout(30), self._heard:
            await self._heard.wait_for(lambda: event in self.events)

    def finish(self):
        """Let the slow request finish."""
        self.process.stdin.write(b"\n")

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)
        self._signals += 1

    async def stop(self):
        """End the drain and everything; the exit status."""
        while self._signals < 2:
            # The first is waited for: two that arrive at once are one.
            await (self.drain() if self._signals == 0 else self.close())
        self.finish()
        status = await asyncio.wait_for(self.process.wait(), 10)
        await self._listener
        return status

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
        self.terminate()
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
        """End the drain; the listening sockets are closed when streams end."""
        self.terminate()
        await self.until("streams end")
        with pytest.raises(ConnectionRefusedError):
            await self.connect()


@pytest.fixture
async def served():
    server = Served()
    await server.start()
    yield server
    assert await server.stop() == 0


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
    await served.until("entered")
    await served.drain()
    await served.close()
    served.finish()
    assert (await reader.read()).endswith(b"slow")
    await left(writer)


async def test_streams_end_after_the_drain_when_no_connection_is_accepted(served):
    reader, writer = await served.connect()
    await ask(writer, "stream")
    await served.until("entered")
    await served.drain()
    assert "streams end" not in served.events
    await served.close()
    assert (await reader.read()).endswith(b"stream")
    await left(writer)
    assert await asyncio.wait_for(served.process.wait(), 5) == 0


async def test_before_the_stop_connections_are_kept(served):
    reader, writer = await served.connect()
    for _ in range(2):
        await ask(writer, "quick")
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"Connection: close" not in head
        await reader.readexactly(5)
    await left(writer)
