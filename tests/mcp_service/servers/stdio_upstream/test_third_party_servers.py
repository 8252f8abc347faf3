"""Third-party servers as commands, as their documentation starts them. `make test-clients` runs them."""

import asyncio
import shlex
import shutil
import subprocess
import venv
from pathlib import Path

import pytest

from tests.mcp_service.servers.stdio_upstream.conftest import WIRES, StdioClient
from tests.mcp_service.servers.test_wires import connected

pytestmark = [
    pytest.mark.npm,
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("npx") is None, reason="npm is not installed"),
]

EVERYTHING = "npx -y @modelcontextprotocol/server-everything@2026.8.31"
TIME = "mcp-server-time==2026.10.19"
REPOSITORY = Path(__file__).parents[4]


@pytest.fixture(scope="session")
def time_server():
    """The command of a server in an environment of its own."""
    directory = REPOSITORY / "build" / "python-stdio-servers"
    python = directory / "bin/python"
    if not python.exists():
        venv.create(directory, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", TIME], check=True, timeout=540)
    return f"{shlex.quote(str(python))} -m mcp_server_time --local-timezone UTC"


@pytest.mark.parametrize("per", ["shared", "user"])
@pytest.mark.parametrize("wire", WIRES)
async def test_the_server_with_everything(make_service, wire, per):
    service = await make_service(upstream_command=EVERYTHING, upstream_per=per, upstream_start_seconds=300)
    async with asyncio.timeout(400), connected(service, wire, scope="mcp:tools") as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        assert "echo" in tools
        assert "hello" in (await client.call_tool("echo", {"message": "hello"})).content[0].text
        heard = []

        async def hear(progress, total, message):
            heard.append((progress, total))

        result = await client.call_tool(
            "trigger-long-running-operation", {"duration": 1, "steps": 4}, progress_callback=hear
        )
        assert not result.is_error
        assert len(heard) == 4
        assert (await client.list_prompts()).prompts
        resource = (await client.list_resources()).resources[0]
        assert (await client.read_resource(resource.uri)).contents
        secrets = (await client.call_tool("get-env", {})).content[0].text
        assert "MCP_" not in secrets


@pytest.mark.parametrize("wire", WIRES)
async def test_the_server_of_time(make_service, time_server, wire):
    service = await make_service(upstream_command=time_server)
    async with asyncio.timeout(100), connected(service, wire, scope="mcp:tools") as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == {"get_current_time", "convert_time"}
        result = await client.call_tool("get_current_time", {"timezone": "Europe/Oslo"})
        assert "Europe/Oslo" in result.content[0].text


async def test_the_memory_limit_lets_node_run_and_ends_what_exceeds_it(make_service):
    service = await make_service(upstream_command=EVERYTHING, upstream_memory_mb=512, upstream_start_seconds=300)
    client = StdioClient(service)
    async with asyncio.timeout(400):
        assert "hello" in await client.text("echo", {"message": "hello"})
