"""docs/first-server.md on a fresh copy of the repository, with `make run`: every command as it stands there."""

import json
import re
import shutil

import httpx2
import pytest

from tests.e2e.any_server.foreign_server import TYPESCRIPT_V2
from tests.e2e.foreign_process import serving
from tests.e2e.newcomer import MOST_COMMANDS, PASSWORD, Clone, Section
from tests.e2e.sdk_client import connected
from tests.e2e.test_third_party_clients import SCRIPTS, Program, as_json, authorization_url, land, visit
from tests.support.free_ports import free_port
from tests.support.node_packages import install_node_packages
from tests.support.user_agent import user_agent

pytestmark = pytest.mark.timeout(600)

LOOPBACK = ("127.0.0.1",)
LIST_TOOLS = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
PYTHON, HTTP = Section("A server in Python"), Section("A server over HTTP")


@pytest.fixture
def clone(tmp_path):
    """With ports of its own, and a known password of the user that `make run` adds."""
    ports = {"AUTH_PORT": str(free_port(LOOPBACK)), "MCP_PORT": str(free_port(LOOPBACK))}
    made = Clone(tmp_path / "clone", DEMO_PASSWORD=PASSWORD, DATA_DIR=str(tmp_path / "data"), **ports)
    yield made
    made.close()


def resource_of(clone):
    return f"http://localhost:{clone.environment['MCP_PORT']}/mcp"


def look(clone, section):
    """Run the doctor as the page does: it fails if it finds something to fix."""
    clone.run(section.command("make doctor").replace("http://localhost:9001/mcp", resource_of(clone)))


async def through_mcp_remote(url, issuer, home, tool, arguments, *, username="demo"):
    """The tool's answer to a local program behind mcp-remote."""
    installed = install_node_packages(SCRIPTS, "npm-clients")
    bridge = [installed / "node_modules/mcp-remote/dist/proxy.js", url, "--allow-http", "--transport", "http-only"]
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "local", "version": "1"}}
    async with (
        user_agent(username, PASSWORD) as user,
        Program(installed, *bridge, home=home, MCP_REMOTE_CONFIG_DIR=str(home)) as process,
    ):
        await land(await visit(user, await process.wait_for(authorization_url(issuer))))
        process.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}))
        await process.wait_for(lambda line: (as_json(line) or {}).get("result"))
        process.send(json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}))
        call = {"name": tool, "arguments": arguments}
        process.send(json.dumps({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call}))
        called = await process.wait_for(
            lambda line: message.get("result") if (message := as_json(line) or {}).get("id") == 2 else None
        )
    return called["content"][0]["text"]


@pytest.mark.parametrize("section", [PYTHON, HTTP], ids=["Python", "HTTP"])
def test_each_section_has_few_commands_and_one_file_to_edit(section):
    assert 0 < len(section.commands) <= MOST_COMMANDS
    assert len(re.findall(r"^```ini$", section.text, re.MULTILINE)) == 1


async def test_a_python_file_is_served_by_make_run_to_a_client_the_doctor_and_a_script(clone):
    clone.write(PYTHON)
    clone.start(PYTHON.command("make run"))
    async with user_agent("demo", PASSWORD) as user, connected(resource_of(clone), user) as client:
        assert (await client.call_tool("forecast", {"city": "Oslo"})).content[0].text == "Sunny in Oslo"
    look(clone, PYTHON)

    token = clone.run(PYTHON.command("make token")).split()[-1]
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json, text/event-stream"}
    async with httpx2.AsyncClient() as http:
        listed = await http.post(resource_of(clone), json=LIST_TOOLS, headers=headers)
    assert (listed.status_code, "forecast" in listed.text) == (200, True)


@pytest.mark.npm
@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
async def test_a_typescript_server_over_http_is_called_by_two_clients(clone, tmp_path):
    port = free_port(LOOPBACK)
    command = HTTP.command("make run").replace(":3000/", f":{port}/")
    async with serving(port, *TYPESCRIPT_V2.command(str(port))):
        clone.start(command)
        async with user_agent("demo", PASSWORD) as user, connected(resource_of(clone), user) as client:
            assert (await client.call_tool("greet", {"name": "Ada"})).content[0].text == "Hello, Ada!"
        issuer = f"http://localhost:{clone.environment['AUTH_PORT']}"
        said = await through_mcp_remote(resource_of(clone), issuer, tmp_path, "greet", {"name": "Ada"})
        assert said == "Hello, Ada!"
        look(clone, HTTP)
