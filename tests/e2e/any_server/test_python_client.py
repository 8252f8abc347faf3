"""The Python SDK's client at servers of other projects, the guard in between."""

import asyncio

import mcp_types
import pytest
from mcp_types import CreateMessageResult, ElicitResult, TextContent

from tests.e2e.any_server.foreign_server import EVERYTHING_HTTP, MODERN, SERVERS, TYPESCRIPT_V2, each, one
from tests.e2e.sdk_client import Memory

pytestmark = [
    pytest.mark.npm,
    pytest.mark.timeout(600),
    pytest.mark.asyncio(loop_scope="session"),
    # The SDK warns of what 2026-07-28 deprecates.
    pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning"),
]


@each(SERVERS)
async def test_a_client_lists_and_calls_tools_and_steps_up_for_one(behind, wire):
    server, memory = behind.server, Memory()
    async with behind.client(wire, memory=memory, scope="tools:use") as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        assert {server.tool, server.restricted[0]} <= tools
        called = await client.call_tool(server.tool, server.arguments)
        assert "tools:more" not in memory.tokens.scope.split()
        restricted = await client.call_tool(*server.restricted)
    assert server.text in called.content[0].text
    assert not restricted.is_error
    assert {"tools:use", "tools:more"} <= set(memory.tokens.scope.split())


@one([server for server in SERVERS if MODERN not in server.wires])
async def test_a_client_of_the_newer_protocol_falls_back(behind):
    async with behind.client("auto") as client:
        assert {tool.name for tool in (await client.list_tools()).tools} >= {behind.server.tool}


@each([server for server in SERVERS if server.counts])
async def test_progress_arrives(behind, wire):
    tool, arguments = behind.server.counts
    heard = []

    async def on_progress(progress, total, _message):
        heard.append((progress, total))

    async with behind.client(wire) as client:
        result = await client.call_tool(tool, arguments, progress_callback=on_progress)
    assert not result.is_error
    assert heard == [(1, 3), (2, 3), (3, 3)]


@one([server for server in SERVERS if server.asks])
async def test_a_server_with_sessions_asks_the_user(behind):
    tool, arguments, entered = behind.server.asks

    async def answer(_context, _params):
        return ElicitResult(action="accept", content=entered)

    async with behind.client("legacy", elicitation_callback=answer) as client:
        result = await client.call_tool(tool, arguments)
    assert not result.is_error
    assert "Ada" in "".join(part.text for part in result.content)


@one([EVERYTHING_HTTP])
async def test_a_server_with_sessions_asks_the_model_of_the_client(behind):
    async def answer(_context, _params):
        return CreateMessageResult(role="assistant", content=TextContent(text="A sample."), model="none")

    async with behind.client("legacy", sampling_callback=answer) as client:
        result = await client.call_tool("trigger-sampling-request", {"prompt": "Say something."})
    assert "A sample." in result.content[0].text


@one([TYPESCRIPT_V2])
async def test_a_server_without_sessions_asks_by_its_result(behind):
    async def answer(_context, _params):
        return ElicitResult(action="accept", content={"name": "Ada"})

    async with behind.client(MODERN, elicitation_callback=answer) as client:
        result = await client.call_tool("ask", {})
    assert result.content[0].text == "Hello, Ada!"


@one([EVERYTHING_HTTP])
async def test_a_subscriber_is_notified_of_a_changed_resource_on_the_stream_of_its_session(behind):
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def on_message(message):
        if isinstance(message, mcp_types.ResourceUpdatedNotification):
            await heard.put(str(message.params.uri))

    async with behind.client("legacy", message_handler=on_message) as client:
        uri = str((await client.list_resources()).resources[0].uri)
        await client.subscribe_resource(uri)
        await client.call_tool("toggle-subscriber-updates", {})
        assert await asyncio.wait_for(heard.get(), 20) == uri


@one([TYPESCRIPT_V2])
async def test_a_listener_is_notified_of_a_changed_resource(behind):
    async with (
        behind.client(MODERN) as client,
        client.listen(resource_subscriptions=["note://first"]) as subscription,
    ):
        await client.call_tool("change", {})
        async with asyncio.timeout(20):
            event = await anext(aiter(subscription))
    assert event.uri == "note://first"
