"""The commands of README that protect a server, as they stand there, up to a call by a signed-in client."""

import re
import shlex
import shutil
import sys

import pytest

from devstack.service_process import REPOSITORY
from tests.e2e.foreign_process import serving
from tests.e2e.sdk_client import connected
from tests.e2e.test_make_run import Launcher, ended
from tests.support.free_ports import free_port
from tests.support.user_agent import user_agent

pytestmark = pytest.mark.timeout(600)

LOOPBACK = ("127.0.0.1",)
PASSWORD = "a long enough password"
SECTION = (REPOSITORY / "README.md").read_text(encoding="utf-8").split("## Protect your server")[1].split("\n## ")[0]
WEATHER = re.search(r"```python\n(# weather\.py.*?)```", SECTION, re.DOTALL)[1]
FORECASTS = """
from fastmcp import FastMCP

mcp = FastMCP("Forecasts")

@mcp.tool
def forecast(city: str) -> str:
    return f"Sunny in {city}"
"""
OVER_HTTP = f"{WEATHER}\nimport sys\nserver.run('streamable-http', port=int(sys.argv[1]))\n"


def command(beginning):
    """The variables of the one command of README that begins so."""
    (assignments,) = re.findall(rf"^({re.escape(beginning)}.*?) make run", SECTION, re.MULTILINE)
    return dict(word.split("=", 1) for word in shlex.split(assignments))


@pytest.fixture
def start(tmp_path):
    """`make run` with the files of README."""
    (tmp_path / "weather.py").write_text(WEATHER)
    (tmp_path / "over_http.py").write_text(OVER_HTTP)
    started = []

    def make(settings, **own):
        # The directory of `make run` is that of the repository, where tests leave no files.
        settings = {name: value.replace("./", f"{tmp_path}/") for name, value in settings.items()}
        auth_port, mcp_port = free_port(LOOPBACK), free_port(LOOPBACK)
        launcher = Launcher(tmp_path / "data", auth_port, mcp_port, DEMO_PASSWORD=PASSWORD, **settings, **own)
        started.append(launcher)
        return launcher.start().until_ready()

    yield make
    for launcher in started:
        ended(launcher)


async def forecast(launcher):
    resource = f"http://localhost:{launcher.mcp_port}/mcp"
    async with user_agent("demo", PASSWORD) as user, connected(resource, user) as client:
        return (await client.call_tool("forecast", {"city": "Oslo"})).content[0].text


async def test_a_server_over_http_may_start_after_the_guard(start, tmp_path):
    settings = command("MCP_UPSTREAM=")
    port = free_port(LOOPBACK)
    settings["MCP_UPSTREAM"] = settings["MCP_UPSTREAM"].replace(":3000/", f":{port}/") + "?key=not-to-be-shown"
    launcher = start(settings)
    assert re.search(rf"No connection to +http://127\.0\.0\.1:{port}/mcp\n", launcher.said)
    assert f"claude mcp add --transport http mcp-server http://localhost:{launcher.mcp_port}/mcp" in launcher.said
    async with serving(port, sys.executable, tmp_path / "over_http.py", port):
        launcher.until(f"The server at http://127.0.0.1:{port}/mcp answers now.")
        assert await forecast(launcher) == "Sunny in Oslo"
    assert "not-to-be-shown" not in launcher.said


async def test_a_python_file_is_served(start):
    launcher = start(command("MCP_SERVER=./weather.py"))
    assert "claude mcp add --transport http weather " in launcher.said
    assert await forecast(launcher) == "Sunny in Oslo"


@pytest.mark.npm
async def test_a_fastmcp_object_is_served(start, fastmcp_packages, tmp_path):
    (tmp_path / "forecasts.py").write_text(FORECASTS)
    launcher = start(command("MCP_SERVER=./forecasts.py"), PYTHONPATH=str(fastmcp_packages))
    assert "claude mcp add --transport http forecasts " in launcher.said
    assert await forecast(launcher) == "Sunny in Oslo"


@pytest.mark.npm
@pytest.mark.skipif(shutil.which("npx") is None, reason="there is no npx")
async def test_a_command_is_served(start):
    launcher = start(command("MCP_UPSTREAM_COMMAND="))
    resource = f"http://localhost:{launcher.mcp_port}/mcp"
    async with user_agent("demo", PASSWORD) as user, connected(resource, user) as client:
        assert (await client.call_tool("echo", {"message": "hello"})).content[0].text == "Echo: hello"
