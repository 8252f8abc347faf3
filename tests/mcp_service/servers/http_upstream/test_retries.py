"""A request is sent once, except where repeating it is harmless; an answer belongs to its own request."""

import asyncio

import pytest

from tests.mcp_service.servers.http_upstream.conftest import Caller, rpc
from tests.support.raw_upstream import echo, json_answer

REPEATED = ["initialize", "ping", "server/discover", "tools/list", "resources/list", "prompts/list"]
ONCE = ["tools/call", "prompts/get", "resources/read", "resources/subscribe", "completion/complete", "made/up"]


@pytest.fixture
def closes_when_asked_again(upstream):
    """It promises to keep each connection, and closes it without a byte when the next request comes."""

    async def answer(request, writer):
        if sum(r.connection == request.connection for r in upstream.requests) == 1:
            await echo(request, writer)
        else:
            writer.close()

    upstream.answer = answer


def message(method):
    return rpc(method, {"name": "a", "uri": "x://a", "ref": {}})


@pytest.mark.parametrize("method", REPEATED)
async def test_a_request_that_changes_nothing_is_repeated_on_a_new_connection(
    upstream, caller, closes_when_asked_again, method
):
    for _ in range(2):
        async with caller.post(message(method)) as response:
            assert response.status == 200
            await response.read()
    assert [r.connection for r in upstream.requests] == [1, 1, 2]


@pytest.mark.parametrize("method", ONCE)
async def test_a_call_is_never_sent_twice(upstream, guard, caller, closes_when_asked_again, method):
    async with caller.post(message("ping")) as response:
        await response.read()
    async with caller.post(message(method)) as response:
        assert response.status == 502
    assert guard.errors()[-1]["error_id"] == "upstream_broken"
    assert len(upstream.requests) == 2


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_streams_and_the_ends_of_sessions_are_not_repeated_either(
    upstream, caller, closes_when_asked_again, method
):
    async with caller.post(message("ping")) as response:
        await response.read()
    async with caller.get() if method == "GET" else caller.delete() as response:
        assert response.status == 502
    assert len(upstream.requests) == 2


async def test_after_a_broken_promise_no_connection_is_used_twice_for_a_while(
    upstream, caller, closes_when_asked_again
):
    """Otherwise every second call would fail at such a server."""
    async with caller.post(message("ping")) as response:
        await response.read()
    statuses = []
    for _ in range(4):
        async with caller.call() as response:
            statuses.append(response.status)
            await response.read()
    assert statuses == [502, 200, 200, 200]


async def test_nothing_is_repeated_after_the_first_byte_of_an_answer(upstream, caller):
    async def answer(request, writer):
        if len(upstream.requests) == 1:
            await echo(request, writer)
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-")
            await writer.drain()
            await asyncio.sleep(0.05)
            writer.close()

    upstream.answer = answer
    async with caller.post(message("tools/list")) as response:
        await response.read()
    async with caller.post(message("tools/list")) as response:
        assert response.status == 502
    assert len(upstream.requests) == 2


@pytest.mark.invariant(14)
async def test_a_request_that_is_repeated_tells_the_principal_anew(
    upstream, caller, closes_when_asked_again, monkeypatch
):
    """A reader refuses the second use of an assertion."""
    made: list[str] = []

    def headers(_self, _token, *, method, path, body):
        made.append(f"assertion-{len(made)}")
        return {"Sallyport-Assertion": made[-1]}

    monkeypatch.setattr("mcp_service.principal.identity_headers.PrincipalHeaders.headers", headers)
    for _ in range(2):
        async with caller.post(message("tools/list")) as response:
            await response.read()
    assert [r.headers["sallyport-assertion"] for r in upstream.requests] == made == [f"assertion-{n}" for n in range(3)]


async def test_nothing_is_repeated_on_a_new_connection(upstream, caller):
    async def answer(_request, writer):
        writer.close()

    upstream.answer = answer
    async with caller.post(message("tools/list")) as response:
        assert response.status == 502
    assert len(upstream.requests) == 1


async def test_a_connection_is_used_again_after_a_whole_answer(upstream, caller):
    for _ in range(3):
        async with caller.call() as response:
            await response.read()
    assert [r.connection for r in upstream.requests] == [1, 1, 1]


@pytest.mark.parametrize("delay", [0, 0.1])
async def test_an_answer_that_nobody_asked_for_is_not_the_answer_to_the_next_request(upstream, guard, delay):
    """Response desynchronisation: the next request may be another user's."""

    async def answer(request, writer):
        await echo(request, writer)
        if len(upstream.requests) == 1:
            await writer.drain()
            await asyncio.sleep(delay)
            writer.write(json_answer({"id": 2, "result": "of another"}))
            await writer.drain()

    upstream.answer = answer
    async with Caller(guard, sub="ada").call(request_id=1) as response:
        await response.read()
    await asyncio.sleep(delay + 0.1)
    async with Caller(guard, sub="eve").call(request_id=2) as response:
        assert (await response.json())["result"] == {"resultType": "complete"}
