"""The end of a stream and of an answer when the token expires (interop.md F28)."""

import asyncio
import time

import pytest

from mcp_service.servers import endpoint
from tests.mcp_service import slow_server
from tests.mcp_service.conftest import LEGACY, modern, rpc

SLOW = "tests.mcp_service.slow_server"


class Clock:
    """Real time, and what a test adds to it."""

    added = 0.0

    def __call__(self):
        return time.time() + self.added


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def make_slow(make_service, clock):
    slow_server.watch.reset()

    async def make(**changes):
        return await make_service(server=f"{SLOW}:server", scopes=f"{SLOW}:scopes", clocks={"clock": clock}, **changes)

    return make


def soon(service, clock):
    """The credential of a token that expires in half a second."""
    expiry = int(time.time()) + 10
    clock.added = expiry - 0.5 - time.time()
    return service.auth(scope="slow:use", exp=expiry)


@pytest.mark.invariant(12)
async def test_a_stream_that_only_listens_ends_when_its_token_expires(make_slow, clock):
    service = await make_slow()
    body, headers = modern("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
    async with (
        asyncio.timeout(10),
        service.session.post(service.url, json=body, headers={**headers, **soon(service, clock)}) as answer,
    ):
        assert b"acknowledged" in await answer.content.readany()
        await answer.read()


@pytest.mark.invariant(12)
async def test_the_stream_of_a_session_ends_when_its_token_expires(make_slow, clock):
    service = await make_slow(stateful=True)
    credential = soon(service, clock)
    hello = rpc(
        "initialize",
        {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
    )
    async with asyncio.timeout(10):
        opened = await service.session.post(service.url, json=hello, headers={**LEGACY, **credential})
        session = {"Mcp-Session-Id": opened.headers["Mcp-Session-Id"]}
        await opened.read()
        async with service.session.get(service.url, headers={**LEGACY, **credential, **session}) as stream:
            assert stream.status == 200
            await stream.read()


async def report(service, credential):
    """A call whose answer has begun and waits for its tool."""
    body, headers = modern("tools/call", {"name": "report", "arguments": {}})
    body["params"]["_meta"]["progressToken"] = "p"
    answer = await service.session.post(service.url, json=body, headers={**headers, **credential})
    await answer.content.readany()
    return answer


@pytest.mark.invariant(12)
async def test_an_answer_that_began_before_may_finish_after_the_token_has_expired(make_slow):
    service = await make_slow()
    # It is accepted by the leeway, and the time of the answer counts from the expiry.
    expired = service.auth(scope="slow:use", iat=int(time.time()) - 60, exp=int(time.time()) - 1)
    async with asyncio.timeout(10):
        answer = await report(service, expired)
        slow_server.watch.go_on.set()
        assert b"reported" in await answer.read()


@pytest.mark.invariant(12)
async def test_an_answer_ends_when_it_takes_too_long_after_the_token_has_expired(make_slow, clock, monkeypatch):
    monkeypatch.setattr(endpoint, "ANSWER_SECONDS", 0.0)
    service = await make_slow()
    async with asyncio.timeout(10):
        answer = await report(service, soon(service, clock))
        assert b"reported" not in await answer.read()


@pytest.mark.invariant(12)
async def test_a_call_without_an_answer_until_then_is_refused_and_its_tool_cancelled(make_slow, clock, monkeypatch):
    monkeypatch.setattr(endpoint, "ANSWER_SECONDS", 0.0)
    service = await make_slow()
    body, headers = modern("tools/call", {"name": "wait_for_ever", "arguments": {}})
    async with asyncio.timeout(10):
        answer = await service.session.post(service.url, json=body, headers={**headers, **soon(service, clock)})
        await slow_server.watch.cancelled.wait()
    assert answer.status == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert service.errors()[-1]["error_id"] == "token_exp"
