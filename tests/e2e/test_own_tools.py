"""A user's own server behind `make run`: one setting, and the consent page, the guard and the tokens agree."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from devstack.service_process import REPOSITORY
from tests.e2e.sdk_client import Memory, connected
from tests.e2e.test_make_run import Launcher, ended
from tests.support.free_ports import free_port
from tests.support.user_agent import user_agent

pytestmark = pytest.mark.timeout(180)

STDIO_SERVER = Path(__file__).parents[1] / "mcp_service/servers/stdio_upstream/stdio_server.py"
PASSWORD = "a long enough password"

WEATHER = """
from mcp.server import MCPServer

server = MCPServer("Weather")

@server.tool()
async def forecast(city: str) -> str:
    return f"Sunny in {city}"
"""


@pytest.fixture
def start(tmp_path):
    (tmp_path / "weather.py").write_text(WEATHER)
    # A file of the user must not take the place of a module of the service.
    (tmp_path / "shared.py").write_text("raise RuntimeError('this file was imported')")
    started = []

    def make(**own):
        ports = [free_port(("127.0.0.1",)) for _ in range(2)]
        launcher = Launcher(
            tmp_path / "data",
            *ports,
            DEMO_PASSWORD=PASSWORD,
            **{"MCP_SERVER": "weather:server", "INVOKED_FROM": str(tmp_path), **own},
        )
        started.append(launcher)
        launcher.start().until_ready()
        return f"http://localhost:{launcher.mcp_port}/mcp"

    yield make
    for launcher in started:
        ended(launcher)


async def test_a_server_that_declares_nothing_is_protected_by_one_scope(start):
    resource = start()
    async with user_agent("demo", PASSWORD) as user, connected(resource, user) as client:
        assert (await client.call_tool("forecast", {"city": "Oslo"})).content[0].text == "Sunny in Oslo"
    assert any("Use the tools of this server" in page for page in user.pages)


async def test_check_config_finds_the_server_that_make_run_serves(start, tmp_path):
    start(MCP_SERVER="./weather.py:server")
    checked = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "devstack.command", "mcp_service", "check-config"],
        env={**os.environ, "DATA_DIR": str(tmp_path / "data")},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.stdout, checked.stderr) == ("ok\n", "")


async def test_the_example_of_step_up_asks_for_a_scope_when_a_call_needs_it(start):
    resource = start(MCP_SERVER="examples.step_up:server", MCP_SCOPES="examples.step_up:scopes")
    for wire in ("2026-07-28", "legacy"):
        memory = Memory()
        async with (
            user_agent("demo", PASSWORD) as user,
            connected(resource, user, memory=memory, wire=wire) as client,
        ):
            await client.call_tool("payments")
            assert "ledger:pay" not in memory.tokens.scope.split()
            assert not any("Pay from your account" in page for page in user.pages)
            paid = await client.call_tool("pay", {"to": "Ada", "cents": 5})
            assert paid.content[0].text == "5 cents to Ada"
            assert any("Pay from your account" in page for page in user.pages)
            assert "ledger:pay" in memory.tokens.scope.split()


async def test_a_stdio_server_is_protected_without_changes_and_sees_no_settings(start):
    resource = start(
        MCP_SERVER="", MCP_UPSTREAM_COMMAND=f"{sys.executable} -I -S {STDIO_SERVER}", MCP_UPSTREAM_PER="user"
    )
    for wire in ("2026-07-28", "legacy"):
        async with user_agent("demo", PASSWORD) as user, connected(resource, user, wire=wire) as client:
            environment = json.loads((await client.call_tool("environment", {})).content[0].text)
            assert environment["SALLYPORT_ISSUER"].startswith("http://localhost:")
            assert environment["SALLYPORT_SUBJECT"]
            assert not [name for name in environment if name.startswith(("MCP_", "AUTH_"))]
