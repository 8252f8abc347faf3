"""`behind`: a pair whose guard stands in front of the `server` that a test is parametrized with."""

import contextlib

import pytest_asyncio

from tests.e2e.any_server.foreign_server import SERVERS
from tests.e2e.any_server.guarded import guarded


class Runner:
    """Runs one server at a time, until a test needs another one."""

    def __init__(self, new_directory):
        self._new_directory = new_directory
        self._stack = contextlib.AsyncExitStack()
        self._running = None

    async def start(self, server):
        if self._running is None or self._running.server is not server:
            await self.stop()
            self._running = await self._stack.enter_async_context(guarded(server, self._new_directory()))
        return self._running

    async def stop(self):
        self._running = None
        await self._stack.aclose()


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def runner(tmp_path_factory):
    runner = Runner(lambda: tmp_path_factory.mktemp("any-server"))
    yield runner
    await runner.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def behind(server, runner):
    return await runner.start(server)


def pytest_collection_modifyitems(items):
    """Put the tests of one server in a row."""

    def position(item):
        callspec = getattr(item, "callspec", None)
        server = None if callspec is None else callspec.params.get("server")
        return SERVERS.index(server) if server in SERVERS else -1

    items.sort(key=position)
