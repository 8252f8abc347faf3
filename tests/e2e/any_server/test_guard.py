"""Servers of other projects get no refused request, no token and no session of another user."""

import asyncio
import os

import pytest

from devstack.service_process import service_command
from mcp_service.guard.scope_map import ScopeMap
from tests.e2e.any_server.foreign_server import EVERYTHING_HTTP, FASTMCP, SERVERS, TYPESCRIPT_V1, one
from tests.e2e.sdk_client import Memory

pytestmark = [pytest.mark.npm, pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="session")]

SESSION = "Mcp-Session-Id"
STATEFUL = [server for server in SERVERS if server.has_sessions]


def call(tool, arguments, *, rpc_id=2):
    return {"jsonrpc": "2.0", "id": rpc_id, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}


def hello(version):
    client = {"name": "raw", "version": "1"}
    params = {"protocolVersion": version, "capabilities": {}, "clientInfo": client}
    return {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}


async def open_session(behind, token, version="2025-06-18"):
    """The id of a new session."""
    async with behind.raw("POST", token, hello(version)) as answer:
        assert answer.status == 200, await answer.text()
        session = answer.headers[SESSION]
        await answer.read()
    initialized = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    async with behind.raw("POST", token, initialized, **{SESSION: session}) as answer:
        assert answer.status == 202
    return session


async def first_event_id(answer):
    async for line in answer.content:
        if line.startswith(b"id:"):
            return line.removeprefix(b"id:").strip().decode()
    raise AssertionError("no event has an id")


@one(SERVERS)
async def test_a_call_without_its_scope_never_reaches_the_server(behind):
    token = await behind.token()
    before = behind.received()
    async with behind.raw("POST", token, call(*behind.server.restricted)) as answer:
        assert answer.status == 403
        challenge = answer.headers["WWW-Authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert "tools:more" in challenge
    async with behind.raw("POST", "no.such.token", call(*behind.server.restricted)) as answer:
        assert answer.status == 401
    assert behind.received() == before


@one(SERVERS)
async def test_a_scope_map_is_made_from_what_the_server_lists(behind):
    outcome = await service_command("mcp_service", dict(os.environ), "scopes", "--from", behind.place)
    assert outcome.succeeded, outcome.combined_output
    declared = ScopeMap.model_validate_json(outcome.output)
    assert {behind.server.tool, behind.server.restricted[0]} <= declared.tools.keys()


@pytest.mark.invariant(14)
@one(SERVERS)
async def test_the_server_never_sees_the_token(behind):
    memory = Memory()
    async with behind.client("legacy", memory=memory) as client:
        await client.call_tool(behind.server.tool, behind.server.arguments)
    received = behind.received()
    assert b"tools/call" in received
    assert b"authorization" not in received.lower()
    assert memory.access_token.encode() not in received


@one(STATEFUL)
async def test_a_session_is_unknown_to_another_user_and_after_its_end(behind):
    owner = await behind.token()
    other = await behind.token(await behind.another_user())
    session = await open_session(behind, owner)
    listing = {"jsonrpc": "2.0", "id": 3, "method": "tools/list"}
    before = behind.received()
    for method, body in (("POST", listing), ("GET", None), ("DELETE", None)):
        async with behind.raw(method, other, body, **{SESSION: session}) as answer:
            assert answer.status == 404
    assert behind.received() == before
    async with behind.raw("POST", owner, listing, **{SESSION: session}) as answer:
        assert answer.status == 200
        assert behind.server.tool in await answer.text()
    async with behind.raw("DELETE", owner, **{SESSION: session}) as answer:
        assert answer.status in {200, 204}
    async with behind.raw("POST", owner, listing, **{SESSION: session}) as answer:
        # server-everything answers 400 where the specification has 404.
        assert answer.status == (400 if behind.server is EVERYTHING_HTTP else 404)


@one([TYPESCRIPT_V1])
async def test_a_call_whose_response_broke_off_is_resumed(behind):
    token = await behind.token()
    resumable = {"MCP-Protocol-Version": "2025-11-25"}
    session = resumable | {SESSION: await open_session(behind, token, "2025-11-25")}
    slow = call("start-notification-stream", {"interval": 100, "count": 3})
    async with behind.raw("POST", token, slow, **session) as answer:
        event_id = await first_event_id(answer)
    async with asyncio.timeout(20), behind.raw("GET", token, **session, **{"Last-Event-ID": event_id}) as stream:
        assert stream.status == 200
        async for line in stream.content:
            if b"Started sending" in line:
                break


@one([FASTMCP, TYPESCRIPT_V1, EVERYTHING_HTTP])
async def test_a_stream_of_a_session_is_open_until_the_session_ends(behind):
    token = await behind.token()
    session = await open_session(behind, token)
    async with behind.raw("GET", token, **{SESSION: session}) as stream:
        assert (stream.status, stream.content_type) == (200, "text/event-stream")
        async with behind.raw("DELETE", token, **{SESSION: session}) as answer:
            assert answer.status in {200, 204}
        async with asyncio.timeout(20):
            assert b"data: {" not in await stream.read()
