"""The end of a stream and of an answer when the token expires (interop.md F28)."""

import asyncio
import time

import pytest

from mcp_service.servers import in_process
from tests.mcp_service import slow_server
from tests.mcp_service.conftest import LEGACY, modern, rpc

SLOW = "tests.mcp_service.slow_server"


@pytest.fixture
async def make_slow(make_service):
    slow_server.watch.reset()

    async def make(**changes):
        return await make_service(server=f"{SLOW}:server", scopes=f"{SLOW}:scopes", **changes)

    return make


def soon(service):
    """The credential of a token that expires within two seconds."""
    return service.auth(scope="slow:use", exp=int(time.time()) + 2)


@pytest.mark.invariant(12)
async def test_a_stream_that_only_listens_ends_when_its_token_expires(make_slow):
    service = await make_slow()
    body, headers = modern("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
    async with (
        asyncio.timeout(10),
        service.session.post(service.url, json=body, headers={**headers, **soon(service)}) as answer,
    ):
        assert b"acknowledged" in await answer.content.readany()
        await answer.read()


@pytest.mark.invariant(12)
async def test_the_stream_of_a_session_ends_when_its_token_expires(make_slow):
    service = await make_slow(stateful=True)
    credential = soon(service)
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
    added = 0.0
    service = await make_slow(clocks={"clock": lambda: time.time() + added})
    async with asyncio.timeout(10):
        answer = await report(service, service.auth(scope="slow:use"))
        added = 610.0
        slow_server.watch.go_on.set()
        assert b"reported" in await answer.read()


@pytest.mark.invariant(12)
async def test_an_answer_ends_when_it_takes_too_long_after_the_token_has_expired(make_slow, monkeypatch):
    monkeypatch.setattr(in_process, "ANSWER_SECONDS", 0.0)
    service = await make_slow()
    async with asyncio.timeout(10):
        answer = await report(service, soon(service))
        assert b"reported" not in await answer.read()


@pytest.mark.invariant(12)
async def test_a_call_without_an_answer_until_then_is_refused_and_its_tool_cancelled(make_slow, monkeypatch):
    monkeypatch.setattr(in_process, "ANSWER_SECONDS", 0.0)
    service = await make_slow()
    body, headers = modern("tools/call", {"name": "wait_for_ever", "arguments": {}})
    async with asyncio.timeout(10):
        answer = await service.session.post(service.url, json=body, headers={**headers, **soon(service)})
        await slow_server.watch.cancelled.wait()
    assert answer.status == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert service.errors()[-1]["error_id"] == "token_exp"
