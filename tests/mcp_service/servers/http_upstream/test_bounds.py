"""How much may be in progress, and how long a body may be."""

import asyncio
from contextlib import AsyncExitStack

import aiohttp
import pytest

from shared.rates import Rate
from tests.mcp_service.servers.http_upstream.conftest import Caller, rpc
from tests.support.raw_upstream import EVENTS_HEAD, chunk, http, json_answer


@pytest.fixture
def silent(upstream):
    """Streams stay open, calls are not answered."""

    async def answer(request, writer):
        if request.line.startswith("GET"):
            writer.write(EVENTS_HEAD)
        await request.left.wait()

    upstream.answer = answer


async def test_beyond_the_bound_a_call_is_503_and_the_bound_is_free_again_after_an_end(make_guard, upstream, silent):
    service = await make_guard(upstream_max_requests=4)
    caller, other = Caller(service), Caller(service, sub="other")
    async with asyncio.timeout(10):
        calls = [asyncio.create_task(_send(caller.call()))]
        await upstream.until(1)  # so that it is the first there, too
        calls += [asyncio.create_task(_send(one.call())) for one in (other, caller, other)]
        await upstream.until(4)
        async with caller.call(request_id="fifth") as response:
            message = await response.json()
            assert (response.status, message["id"]) == (503, "fifth")
            assert response.headers["Retry-After"]
        assert service.errors()[-1]["error_id"] == "upstream_busy"
        assert len(upstream.requests) == 4
        calls[0].cancel()
        await upstream.requests[0].left.wait()
        calls.append(asyncio.create_task(_send(caller.call())))
        await upstream.until(5)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)


async def test_one_user_leaves_room_for_others(make_guard, upstream, silent):
    service = await make_guard(upstream_max_requests=4)
    caller, other = Caller(service), Caller(service, sub="other")
    async with asyncio.timeout(10):
        calls = [asyncio.create_task(_send(caller.call())) for _ in range(2)]
        await upstream.until(2)
        async with caller.call() as response:
            assert response.status == 503
        calls.append(asyncio.create_task(_send(other.call())))
        await upstream.until(3)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)


async def _send(pending):
    async with pending as response:
        return await response.read()


async def test_streams_leave_room_for_calls(make_guard, upstream, silent):
    service = await make_guard(upstream_max_requests=4)
    caller, other = Caller(service), Caller(service, sub="other")
    async with asyncio.timeout(10), AsyncExitStack() as stack:
        for one in (caller, other, caller):
            assert (await stack.enter_async_context(one.get())).status == 200
        assert (await stack.enter_async_context(other.get())).status == 503
        call = asyncio.create_task(_send(other.call()))
        await upstream.until(4)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)


@pytest.mark.parametrize("opens", [True, False])
async def test_new_sessions_are_limited_where_the_server_opens_them(make_guard, upstream, monkeypatch, opens):
    async def answer(request, writer):
        session = [f"Mcp-Session-Id: {len(upstream.requests)}"] if opens else []
        writer.write(json_answer({"id": request.rpc_id, "result": {}}, *session))

    upstream.answer = answer
    monkeypatch.setattr("mcp_service.guard.rate_limits.SESSIONS", Rate(1, 60, burst=2))
    caller = Caller(await make_guard())
    statuses = []
    for _ in range(4):
        async with caller.post(rpc("initialize", {"protocolVersion": "2025-11-25"})) as response:
            statuses.append(response.status)
    # The first is answered before it is known that the server has sessions.
    assert statuses == ([200, 200, 200, 429] if opens else [200] * 4)


async def test_a_body_that_announces_too_much_is_502(make_guard, upstream):
    async def answer(_request, writer):
        writer.write(http("200 OK", b" " * 5000, "Content-Type: application/json"))

    upstream.answer = answer
    service = await make_guard(upstream_max_response_bytes=4096)
    async with Caller(service).call() as response:
        assert response.status == 502
    assert service.errors()[-1]["error_id"] == "upstream_not_mcp"


async def test_a_body_without_end_is_broken_off(make_guard, upstream):
    async def answer(request, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not request.left.is_set():
            writer.write(chunk(b" " * 10_000))
            await writer.drain()
            await asyncio.sleep(0)

    upstream.answer = answer
    service = await make_guard(upstream_max_response_bytes=200_000)
    received = 0
    async with asyncio.timeout(10), Caller(service).call() as response:
        with pytest.raises(aiohttp.ClientPayloadError):  # noqa: PT012 - what came before counts
            async for part in response.content.iter_any():
                received += len(part)
        assert received <= 200_000
        await upstream.requests[0].left.wait()


async def test_a_stream_of_events_has_no_such_bound(make_guard, upstream):
    async def answer(_request, writer):
        writer.write(EVENTS_HEAD)
        for _ in range(20):
            writer.write(chunk(b": " + b"x" * 1000 + b"\n\n"))
        writer.write(b"0\r\n\r\n")

    upstream.answer = answer
    service = await make_guard(upstream_max_response_bytes=4096)
    async with Caller(service).get() as response:
        assert len(await response.read()) == 20 * 1004
