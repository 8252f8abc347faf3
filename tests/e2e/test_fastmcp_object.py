"""A server written with the package fastmcp, in the process of the guard. `make test-clients` installs the package."""

import json
import subprocess
import sys

import pytest

from devstack.service_process import REPOSITORY
from tests.e2e.sdk_client import connected
from tests.e2e.test_make_run import Launcher, ended
from tests.support.free_ports import free_port
from tests.support.user_agent import user_agent

pytestmark = [pytest.mark.npm, pytest.mark.timeout(600)]

PASSWORD = "a long enough password"

FORECASTS = """
from fastmcp import FastMCP
from fastmcp.server.dependencies import get_access_token

server = FastMCP("Forecasts")

@server.tool
def caller() -> str:
    token = get_access_token()
    return f"{token.subject} {' '.join(token.scopes)} [{token.token}]"

@server.tool
def purge() -> str:
    return "gone"
"""

FILTERED = {
    "MCP_LIST_FILTER": "granted",
    "MCP_SCOPES": json.dumps(
        {"scopes": {"f:read": "R", "f:all": "A"}, "default": "f:read", "tools": {"purge": "f:all"}}
    ),
}


@pytest.fixture
def server(tmp_path):
    file = tmp_path / "forecasts.py"
    file.write_text(FORECASTS)
    return f"{file}:server"


@pytest.fixture
def resource(tmp_path, fastmcp_packages, server, request):
    """The address of the endpoint. A parameter holds further settings."""
    launcher = Launcher(
        tmp_path / "data",
        *(free_port(("127.0.0.1",)) for _ in range(2)),
        DEMO_PASSWORD=PASSWORD,
        MCP_SERVER=server,
        PYTHONPATH=str(fastmcp_packages),
        **getattr(request, "param", {}),
    )
    launcher.start().until_ready()
    yield f"http://localhost:{launcher.mcp_port}/mcp"
    ended(launcher)


@pytest.mark.parametrize("wire", ["2026-07-28", "legacy"])
async def test_the_tools_are_called_and_know_the_caller_but_not_the_token(resource, wire):
    async with user_agent("demo", PASSWORD) as user, connected(resource, user, wire=wire) as client:
        subject, *rest = (await client.call_tool("caller")).content[0].text.split(" ")
    assert subject
    assert rest == ["mcp:tools", "[]"]


@pytest.mark.parametrize("resource", [FILTERED], indirect=True, ids=["filtered"])
@pytest.mark.parametrize("wire", ["2026-07-28", "legacy"])
async def test_the_lists_show_only_the_tools_that_the_token_covers(resource, wire):
    async with user_agent("demo", PASSWORD) as user, connected(resource, user, wire=wire) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == ["caller"]


def test_a_server_with_auth_of_its_own_is_refused(fastmcp_packages, server, tmp_path):
    (tmp_path / "forecasts.py").write_text(
        FORECASTS.replace(
            'FastMCP("Forecasts")', 'FastMCP("Forecasts", auth=StaticTokenVerifier({"t": {"client_id": "c"}}))'
        ).replace(
            "from fastmcp import FastMCP",
            "from fastmcp import FastMCP\nfrom fastmcp.server.auth.providers.jwt import StaticTokenVerifier",
        )
    )
    checked = subprocess.run(
        [sys.executable, "-m", "mcp_service", "check-config"],
        env={
            "MCP_ISSUER": "http://localhost:9000",
            "MCP_RESOURCE": "http://localhost:9001/mcp",
            "MCP_SERVER": server,
            "PYTHONPATH": f"{REPOSITORY}:{fastmcp_packages}",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert checked.returncode == 2
    assert "remove it, the guard verifies tokens" in checked.stderr
