"""A state-changing request runs to its end, whether its client waits or not; any other is cancelled."""

import asyncio

import pytest
from aiohttp import web

from shared.http.mutation_shield import MUTATION_SHIELD, MutationShield
from shared.http.runner import ServiceRunner


class Service:
    """One handler that waits, and what became of it."""

    def __init__(self, *, shutdown_timeout):
        self.entered, self.go_on, self.ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.outcome = None
        self.clients = []
        self.shield = MutationShield()
        app = web.Application()
        app[MUTATION_SHIELD] = self.shield
        app.router.add_route("*", "/", self.handle)
        app.on_cleanup.append(self.clean_up)
        self.runner = ServiceRunner(app, shutdown_timeout=shutdown_timeout)

    async def handle(self, _request):
        self.entered.set()
        try:
            await self.go_on.wait()
            # A second wait: the first may have been over when the request was cancelled.
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.outcome = "cancelled"
            raise
        else:
            self.outcome = "done"
        finally:
            self.ended.set()
        return web.Response(text="done")

    async def clean_up(self, _app):
        asyncio.get_running_loop().call_later(0.02, self.go_on.set)
        await self.shield.finish(seconds=5)
        self.outcome = self.outcome or "running"

    async def started(self):
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        return self

    async def ask(self, method):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.runner.addresses[0][1])
        writer.write(f"{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n".encode())
        self.clients.append(writer)
        await self.entered.wait()
        return reader, writer

    async def stop(self):
        await self.runner.cleanup()
        for client in self.clients:
            client.close()
            await client.wait_closed()


async def left(service):
    """Wait until the service knows that its client has left."""
    while service.runner.server.connections:  # noqa: ASYNC110 - aiohttp announces nothing
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("method", "outcome"), [("POST", "done"), ("PUT", "done"), ("DELETE", "done"), ("GET", "cancelled")]
)
async def test_a_request_whose_client_leaves_is_done_if_it_changes_something(method, outcome):
    service = await Service(shutdown_timeout=5).started()
    _, writer = await service.ask(method)
    writer.close()
    await left(service)
    service.go_on.set()
    await service.ended.wait()
    assert service.outcome == outcome
    await service.stop()


@pytest.mark.parametrize(("method", "outcome"), [("POST", "done"), ("GET", "cancelled")])
async def test_a_request_that_outlasts_the_shutdown_is_done_before_what_it_needs_is_closed(method, outcome):
    service = await Service(shutdown_timeout=0.01).started()
    await service.ask(method)
    await service.stop()
    assert service.outcome == outcome


async def test_a_client_that_waits_through_the_shutdown_is_answered():
    service = await Service(shutdown_timeout=5).started()
    reader, _ = await service.ask("POST")
    asyncio.get_running_loop().call_later(0.02, service.go_on.set)
    await service.stop()
    assert (await reader.read()).endswith(b"done")


async def test_a_connection_serves_on_after_a_shielded_request():
    service = await Service(shutdown_timeout=5).started()
    service.go_on.set()
    reader, writer = await service.ask("POST")
    await reader.readuntil(b"\r\n\r\ndone")
    writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
    await reader.readuntil(b"\r\n\r\ndone")
    assert not service.shield._running
    await service.stop()
