"""docs/first-server.md on a fresh copy of the repository, with `make up` on a real Docker: the commands of the page."""

import asyncio
import json
import os
import re
import shutil
import subprocess

import httpx2
import pytest

from tests.e2e.newcomer import PASSWORD, Clone, Section
from tests.e2e.sdk_client import connected
from tests.e2e.test_compose import docker_answers, text_of
from tests.e2e.test_newcomer import through_mcp_remote
from tests.support.free_ports import free_port
from tests.support.user_agent import user_agent

pytestmark = [pytest.mark.docker, pytest.mark.long, pytest.mark.timeout(1800)]

PYTHON, HTTP = Section("A server in Python"), Section("A server over HTTP")
OWN_IMAGE = "FROM sallyport-mcp\nENV OF_THE_OPERATOR=1\n"
GREETER = """
from mcp.server import MCPServer

server = MCPServer("Greeter")

@server.tool()
async def forecast(city: str) -> str:
    return f"Rain in {city}"

server.run("streamable-http", host="0.0.0.0", port=3000)
"""
GREETER_IMAGE = """
FROM sallyport-mcp
HEALTHCHECK --interval=1s CMD ["python", "-c", "import socket; socket.create_connection(('localhost', 3000), 2)"]
COPY greeter.py /
CMD ["python", "/greeter.py"]
"""


@pytest.fixture
def clone(tmp_path):
    """With a name and a port of its own."""
    if not docker_answers():
        pytest.skip("Docker does not answer")
    port = free_port(("127.0.0.1",))
    project = f"sallyport-newcomer-{os.getpid()}-{port}"
    kept = {name: value for name, value in os.environ.items() if name.endswith("_IMAGE")}
    url = f"http://localhost:{port}"
    own = {"COMPOSE_PROJECT_NAME": project, "GATEWAY_HTTP": f"127.0.0.1:{port}", "SALLYPORT_PUBLIC_URL": url}
    made = Clone(tmp_path / "clone", **kept, **own)
    yield made
    made.run("docker compose down --volumes --remove-orphans")


def url_of(clone):
    return clone.environment["SALLYPORT_PUBLIC_URL"]


def deploy(clone, section):
    """The commands of the page; what `make up` printed."""
    said = clone.run(section.command("make up"))
    add = section.command("users add").replace("docker compose exec", "docker compose exec -T")
    clone.run(f"{add} --password-stdin", stdin=f"{PASSWORD}\n")
    return said


async def forecast(clone):
    async with (
        user_agent("alice", PASSWORD) as user,
        connected(f"{url_of(clone)}/mcp", user) as client,
    ):
        return text_of(await client.call_tool("forecast", {"city": "Oslo"}))


def look(clone, section):
    clone.run(section.command("make doctor", number=-1).replace("http://localhost:8080", url_of(clone)))


async def test_a_python_file_is_deployed_and_a_change_of_it_takes_effect(clone, tmp_path):
    clone.write(PYTHON)
    said = deploy(clone, PYTHON)
    assert f"claude mcp add --transport http weather {url_of(clone)}/mcp" in said
    assert "users add alice" in said
    assert await forecast(clone) == "Sunny in Oslo"
    look(clone, PYTHON)
    if shutil.which("npm") is not None:
        through = await through_mcp_remote(
            f"{url_of(clone)}/mcp", url_of(clone), tmp_path, "forecast", {"city": "Bergen"}, username="alice"
        )
        assert through == "Sunny in Bergen"

    file = clone.directory / "my-server" / "weather.py"
    file.write_text(file.read_text().replace("Sunny", "Snow"))
    said = await asyncio.to_thread(clone.run, "make up")
    assert "users add" not in said
    assert await forecast(clone) == "Snow in Oslo"


async def test_a_change_of_the_scopes_reaches_the_consent_page(clone):
    clone.write(PYTHON)
    deploy(clone, PYTHON)
    scopes = {"scopes": {"weather:read": "Look at the weather"}, "default": "weather:read"}
    (clone.directory / "my-server" / "scopes.json").write_text(json.dumps(scopes))
    with (clone.directory / ".env").open("a") as env:
        env.write("MCP_SCOPES=./scopes.json\nMCP_RESOURCE=" + url_of(clone) + "/tools/weather\n")
    await asyncio.to_thread(clone.run, "make up")
    async with (
        user_agent("alice", PASSWORD) as user,
        connected(f"{url_of(clone)}/tools/weather", user) as client,
    ):
        assert text_of(await client.call_tool("forecast", {"city": "Oslo"})) == "Sunny in Oslo"
    assert any("Look at the weather" in page for page in user.pages)


async def test_an_image_of_the_operator_runs_and_is_never_built_over(clone):
    clone.write(PYTHON)
    dockerfile = clone.directory / "my-server" / "Dockerfile"
    dockerfile.write_text(OWN_IMAGE)
    with (clone.directory / ".env").open("a") as env:
        env.write("SALLYPORT_MCP_BUILD=./my-server\n")
    deploy(clone, PYTHON)
    assert clone.run("docker compose exec -T mcp printenv OF_THE_OPERATOR").strip() == "1"
    assert await forecast(clone) == "Sunny in Oslo"
    # The documented upgrade, one service after the other: the own image follows its Dockerfile.
    dockerfile.write_text(OWN_IMAGE + "ENV AND_MORE=2\n")
    await asyncio.to_thread(clone.run, "make up ARGS=auth")
    await asyncio.to_thread(clone.run, "make up ARGS=mcp")
    assert "sallyport-mcp-own" in clone.run("docker compose images mcp")
    told = clone.run("docker compose exec -T mcp printenv OF_THE_OPERATOR AND_MORE")
    assert told.split() == ["1", "2"]


async def test_a_server_over_http_is_deployed_in_a_container_of_its_own(clone):
    clone.write(HTTP)
    folder = clone.directory / "my-server"
    folder.mkdir()
    (folder / "greeter.py").write_text(GREETER)
    (folder / "Dockerfile").write_text(GREETER_IMAGE)
    deploy(clone, HTTP)
    assert await forecast(clone) == "Rain in Oslo"
    look(clone, HTTP)

    # Its own keys are in a volume (docs/who-calls.md).
    with (clone.directory / ".env").open("a") as env:
        env.write("MCP_UPSTREAM_IDENTITY=assertion\nMCP_STATE_DIR=/state\n")
    await asyncio.to_thread(clone.run, "make up")
    assert await forecast(clone) == "Rain in Oslo"
    published = httpx2.get(f"{url_of(clone)}/mcp/jwks.json").json()
    await asyncio.to_thread(clone.run, "make scale MCP=2")
    await asyncio.to_thread(clone.run, "docker compose up --detach --wait --force-recreate --no-deps mcp")
    assert httpx2.get(f"{url_of(clone)}/mcp/jwks.json").json() == published


def test_a_server_that_cannot_be_loaded_is_named_by_make_up(clone):
    clone.write(PYTHON)
    (clone.directory / "my-server" / "weather.py").write_text("import nothing_of_this_name\n")
    started = subprocess.run(
        ["make", "up"], cwd=clone.directory, env=clone.environment, capture_output=True, text=True, check=False
    )
    assert started.returncode != 0
    assert re.search(r"MCP_SERVER: \S*weather\.py cannot be imported: No module named 'nothing_of", started.stderr)
