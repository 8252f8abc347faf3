"""Streams and answers end with the token, also at the server."""

import asyncio
import time

import pytest

from mcp_service.servers import endpoint
from mcp_service.servers.open_streams import StreamEnding
from tests.mcp_service.servers.http_upstream.conftest import Caller, modern
from tests.support.raw_upstream import EVENTS_HEAD, chunk, event


class Clock:
    """Real time, and what a test adds to it."""

    added = 0.0

    def __call__(self):
        return time.time() + self.added


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def expiring(make_guard, clock):
    """The guard, and a caller whose token expires in half a second."""
    service = await make_guard(clocks={"clock": clock})
    expiry = int(time.time()) + 10
    caller = Caller(service, exp=expiry)
    clock.added = expiry - 0.5 - time.time()
    return service, caller


@pytest.fixture
def streaming(upstream):
    async def answer(request, writer):
        writer.write(EVENTS_HEAD + chunk(event({"a": 1})))
        await request.left.wait()

    upstream.answer = answer


@pytest.mark.invariant(12)
@pytest.mark.parametrize("wire", ["legacy", "2026-07-28"])
async def test_a_stream_that_only_listens_ends_when_its_token_expires(upstream, expiring, streaming, wire):
    _, caller = expiring
    body, headers = modern("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
    async with asyncio.timeout(10):
        async with caller.get() if wire == "legacy" else caller.post(body, headers) as response:
            assert await response.read() == event({"a": 1})
        await upstream.requests[0].left.wait()


@pytest.mark.invariant(12)
async def test_an_answer_ends_when_it_takes_too_long_after_the_token_has_expired(
    upstream, expiring, streaming, monkeypatch
):
    monkeypatch.setattr(endpoint, "ANSWER_SECONDS", 0.0)
    _, caller = expiring
    async with asyncio.timeout(10):
        async with caller.call() as response:
            assert await response.read() == event({"a": 1})
        await upstream.requests[0].left.wait()


@pytest.mark.invariant(12)
async def test_a_call_without_an_answer_until_then_is_refused_and_ended_at_the_server(upstream, expiring, monkeypatch):
    async def answer(request, _writer):
        await request.left.wait()

    upstream.answer = answer
    monkeypatch.setattr(endpoint, "ANSWER_SECONDS", 0.0)
    service, caller = expiring
    async with asyncio.timeout(10), caller.call() as response:
        assert response.status == 401
        await upstream.requests[0].left.wait()
    assert service.errors()[-1]["error_id"] == "token_exp"


async def test_a_stream_that_has_not_begun_when_it_must_end_is_503(upstream, expiring):
    async def answer(request, _writer):
        await request.left.wait()

    upstream.answer = answer
    service, caller = expiring
    async with asyncio.timeout(10), caller.get() as response:
        assert response.status == 503
    assert service.errors()[-1]["error_id"] == "upstream_stream_ended"


@pytest.mark.invariant(12)
async def test_a_stream_that_has_ended_passes_on_no_event_while_it_waits_to_be_closed(upstream, expiring, monkeypatch):
    closing = asyncio.Event()
    monkeypatch.setattr(StreamEnding, "_tell", lambda _ending: closing.set())

    async def answer(request, writer):
        writer.write(EVENTS_HEAD + chunk(event({"a": 1})))
        await closing.wait()
        writer.write(chunk(event({"too": "late"})))
        await request.left.wait()

    upstream.answer = answer
    _, caller = expiring
    async with asyncio.timeout(10), caller.get() as response:
        assert await response.read() == event({"a": 1})


async def test_streams_end_when_the_service_is_about_to_stop(upstream, guard, caller, streaming):
    async with asyncio.timeout(10), caller.get() as response:
        assert await response.content.readany()
        await guard.app.shutdown()
        await response.read()
        await upstream.requests[0].left.wait()
