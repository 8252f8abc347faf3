"""Clients of other projects at servers of other projects, the guard in between."""

import json
import shutil
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.any_server.foreign_server import (
    EVERYTHING_HTTP,
    EVERYTHING_STDIO,
    FASTMCP,
    LEGACY,
    MODERN,
    SERVERS,
    TYPESCRIPT_V2,
    one,
)
from tests.e2e.test_third_party_clients import SCRIPTS, Program, as_json, authorization_url, converse, land, visit
from tests.support.free_ports import free_port
from tests.support.node_packages import install_node_packages
from tests.support.user_agent import user_agent

pytestmark = [
    pytest.mark.npm,
    pytest.mark.timeout(600),
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed"),
]


@pytest.fixture(scope="session")
def installed() -> Path:
    """The directory in which the clients are."""
    return install_node_packages(SCRIPTS, "npm-clients")


@pytest_asyncio.fixture(loop_scope="session")
async def user(behind):
    """A user of the pair, with a new browser."""
    async with user_agent(behind.pair.username, behind.pair.password) as agent:
        yield agent


ROWS = [
    pytest.param(server, version, wire, id=f"{server}-v{version}-{wire}")
    for server in SERVERS
    for version, wire in (("1", LEGACY), ("2", LEGACY), ("2", MODERN))
    if wire in server.wires
]


@pytest.mark.parametrize(("server", "version", "wire"), ROWS)
async def test_the_official_typescript_client_calls_receives_progress_and_asks_its_user(
    behind, user, installed, tmp_path, version, wire
):
    server = behind.server
    asks = server.asks if wire == LEGACY else ("ask", {}, {"name": "Ada"}) if server is TYPESCRIPT_V2 else None
    wanted = {
        "tool": (server.tool, server.arguments),
        "restricted": server.restricted,
        "counts": server.counts,
        "asks": asks and asks[:2],
        "entered": asks and asks[2],
    }
    arguments = [behind.url, version, wire, json.dumps(wanted)]
    async with Program(installed, "any_tool.mjs", *arguments, home=tmp_path) as process:
        steps = await converse(process, user)
    assert server.tool in steps["listed"]["tools"]
    assert not steps["called"]["error"]
    assert server.text in steps["called"]["text"]
    if version == "2":
        assert not steps["stepped up"]["error"]
        assert "tools:more" in steps["stepped up"]["scope"].split()
    if server.counts:
        assert (steps["counted"]["error"], steps["counted"]["heard"]) == (False, [1, 2, 3])
    if asks:
        assert "Ada" in steps["asked"]["text"]


@one([EVERYTHING_HTTP, EVERYTHING_STDIO])
async def test_mcp_remote_bridges_a_local_program_to_the_server(behind, user, installed, tmp_path):
    bridge = installed / "node_modules/mcp-remote/dist/proxy.js"
    arguments = [bridge, behind.url, "--allow-http", "--transport", "http-only"]
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "local", "version": "1"}}
    async with Program(installed, *arguments, home=tmp_path, MCP_REMOTE_CONFIG_DIR=str(tmp_path)) as process:
        await land(await visit(user, await process.wait_for(authorization_url(behind.pair.issuer))))
        process.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}))
        await process.wait_for(lambda line: (as_json(line) or {}).get("result"))
        process.send(json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}))
        call = {"name": "echo", "arguments": {"message": "over a bridge"}}
        process.send(json.dumps({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call}))
        called = await process.wait_for(
            lambda line: message.get("result") if (message := as_json(line) or {}).get("id") == 2 else None
        )
        assert "over a bridge" in called["content"][0]["text"]


@pytest.mark.parametrize(
    ("server", "era"), [(EVERYTHING_HTTP, "legacy"), (FASTMCP, "modern"), (EVERYTHING_STDIO, "modern")], ids=str
)
async def test_the_inspectors_command_line_lists_the_tools(behind, user, installed, tmp_path, era):
    inspector = installed / "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"
    arguments = [
        inspector, "--cli", "--server-url", behind.url, "--transport", "http", "--protocol-era", era,
        "--callback-url", f"http://127.0.0.1:{free_port(('127.0.0.1',))}/oauth/callback",
        "--connect-timeout", "60000", "--method", "tools/list", "--format", "json",
    ]  # fmt: skip
    # Without a terminal it does not sign in, unless it may open a browser: the one that BROWSER names.
    async with Program(installed, *arguments, home=tmp_path, MCP_AUTO_OPEN_ENABLED="true") as process:
        await land(await visit(user, await process.wait_for(authorization_url(behind.pair.issuer))))
        assert await process.ended() == 0, process.seen
    assert any(behind.server.tool in line for line in process.seen)
