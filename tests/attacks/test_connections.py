"""Connections that ask for nothing: they end in time, and a process with few file descriptors goes on answering."""

import asyncio
import contextlib
import resource
import time

import pytest

from tests.e2e.pair import Pair
from tests.fuzz.raw_http import exchange

DESCRIPTORS = 1024
CONNECTIONS = 2000
LIVEZ = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
LIVEZ_SECONDS = 3
HEAD_SECONDS = 10
UNFINISHED = (
    b"",
    b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: ",
    (
        b"POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50000\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n\r\nclient_id="
    ),
)
"""Nothing, half a head, half a body."""
LIMITED = (
    "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard})); "
    "sys.argv = sys.argv[1:]; runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)"
)


class LimitedPair(Pair):
    """Both services with few file descriptors."""

    limits = (DESCRIPTORS, DESCRIPTORS)

    def _process(self, module, number, environment, port):
        process = super()._process(module, number, environment, port)
        soft, hard = self.limits
        process._arguments = ("-c", LIMITED.format(soft=soft, hard=hard), module, "serve")
        return process


@pytest.fixture
async def limited_pair():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    pair = LimitedPair()
    try:
        await pair.start()
        yield pair
    finally:
        await pair.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Crowd:
    """Connections that send something unfinished and wait; from one address of this machine or from many."""

    def __init__(self, port):
        self._port = port
        self._writers = []
        self._watchers = []
        self.ended = 0

    async def join(self, source, sent):
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port, local_addr=(source, 0))
            self._writers.append(writer)
            writer.write(sent)
            self._watchers.append(asyncio.create_task(self._watch(reader)))

    async def _watch(self, reader):
        with contextlib.suppress(OSError):
            while await reader.read(65_536):
                pass
        self.ended += 1

    @property
    def open(self):
        return len(self._watchers) - self.ended

    async def leave(self):
        for watcher in self._watchers:
            watcher.cancel()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)


async def livez_seconds(port):
    """Seconds until a client of another address has its answer; fails when there is none."""
    started = time.monotonic()
    answer = await asyncio.wait_for(exchange(port, LIVEZ), LIVEZ_SECONDS)
    assert answer.status == 200
    return time.monotonic() - started


@pytest.mark.long
@pytest.mark.parametrize("sources", [pytest.param(1, id="one network"), pytest.param(250, id="many networks")])
async def test_many_unfinished_requests_keep_no_client_out_and_are_ended(limited_pair, sources):
    services = [limited_pair.auth[0], limited_pair.mcp[0]]
    crowds = [Crowd(service.port) for service in services]
    try:
        for number in range(CONNECTIONS):
            source = f"127.0.1.{number % sources + 1}"
            for crowd in crowds:
                await crowd.join(source, UNFINISHED[number % len(UNFINISHED)])
            if number % 250 == 249:
                for service in services:
                    await livez_seconds(service.port)
        # Far longer than it takes on a machine with nothing else to do.
        deadline = time.monotonic() + HEAD_SECONDS + 50
        while any(crowd.open for crowd in crowds) and time.monotonic() < deadline:
            for service in services:
                await livez_seconds(service.port)
            await asyncio.sleep(0.5)
        assert [crowd.open for crowd in crowds] == [0, 0]
    finally:
        for crowd in crowds:
            await crowd.leave()


async def test_the_limit_of_file_descriptors_is_raised_and_reported(monkeypatch):
    monkeypatch.setattr(LimitedPair, "limits", (256, 2048))
    pair = LimitedPair()
    try:
        await pair.start()
        for service in (pair.auth[0], pair.mcp[0]):
            assert service.pid is not None
            assert resource.prlimit(service.pid, resource.RLIMIT_NOFILE) == (2048, 2048)
            reported = [line for line in pair.log(service) if line["event"] == "connection_limits"]
            assert [line["file_descriptors"] for line in reported] == [2048]
            (most,) = [line["max_connections"] for line in reported]
            assert isinstance(most, int)
            assert 512 <= most < 2048
    finally:
        await pair.close()
