"""A server of the mcp SDK over HTTP, with sessions and protection against DNS rebinding, behind the guard."""

import asyncio
import socket
from contextlib import asynccontextmanager

import httpx2
import pytest
import uvicorn
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp_types import ElicitResult
from pydantic import BaseModel

WIRES = ["legacy", "2026-07-28"]


class Answer(BaseModel):
    word: str


class Watch:
    def __init__(self):
        self.started, self.cancelled = asyncio.Event(), asyncio.Event()


def build(watch):
    server = MCPServer("upstream")

    @server.tool()
    async def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    @server.tool()
    async def ask(ctx: Context) -> str:
        """Ask the user."""
        result = await ctx.elicit("Which word?", Answer)
        return result.data.word if result.action == "accept" else "none"

    @server.tool()
    async def report(ctx: Context) -> str:
        """Tell of progress."""
        await ctx.report_progress(1, 2, "half way")
        return "reported"

    @server.tool()
    async def wait_for_ever() -> str:
        """Never end by itself."""
        watch.started.set()
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            watch.cancelled.set()
            raise
        return "never"

    return server


@pytest.fixture
def watch():
    return Watch()


@pytest.fixture
async def behind_guard(make_service, watch):
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        app = build(watch).streamable_http_app(host="127.0.0.1")
        served = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="on", timeout_graceful_shutdown=1))
        serving = asyncio.create_task(served.serve([listening]))
        yield await make_service(upstream=f"http://127.0.0.1:{listening.getsockname()[1]}/mcp")
        served.should_exit = True
        await serving


@asynccontextmanager
async def connected(service, wire, **options):
    headers = service.auth(scope="mcp:tools")
    async with (
        httpx2.AsyncClient(headers=headers, timeout=20) as http,
        Client(streamable_http_client(service.url, http_client=http), mode=wire, **options) as client,
    ):
        yield client


@pytest.mark.parametrize("wire", WIRES)
async def test_a_client_lists_and_calls(behind_guard, wire):
    async with asyncio.timeout(20), connected(behind_guard, wire) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} >= {"add", "ask"}
        result = await client.call_tool("add", {"a": 2, "b": 3})
        assert result.structured_content == {"result": 5}


@pytest.mark.parametrize("wire", WIRES)
async def test_progress_reaches_the_client(behind_guard, wire):
    seen = []

    async def on_progress(progress, total, message):
        seen.append(message)

    async with asyncio.timeout(20), connected(behind_guard, wire) as client:
        await client.call_tool("report", {}, progress_callback=on_progress)
    assert seen == ["half way"]


async def test_a_request_of_the_server_reaches_the_client_and_its_answer_the_server(behind_guard):
    async def on_elicitation(_context, params):
        return ElicitResult(action="accept", content={"word": f"heard: {params.message}"})

    async with (
        asyncio.timeout(20),
        connected(behind_guard, "legacy", elicitation_callback=on_elicitation) as client,
    ):
        result = await client.call_tool("ask", {})
        assert result.content[0].text == "heard: Which word?"


@pytest.mark.parametrize("wire", WIRES)
async def test_the_tool_of_a_client_that_gives_up_is_cancelled(behind_guard, watch, wire):
    async with asyncio.timeout(20), connected(behind_guard, wire) as client:
        calling = asyncio.create_task(client.call_tool("wait_for_ever", {}))
        await watch.started.wait()
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)
        await watch.cancelled.wait()
