"""A server in a container of its own behind the guard, set up as docs/upstream.md says, on a real Docker.

The server is written with the MCP SDK, which the image of mcp_service contains.
"""

import asyncio
import os
import re
import time

import httpx2
import pytest

from devstack.service_process import REPOSITORY
from tests.e2e.sdk_client import Memory, connected
from tests.e2e.test_compose import PASSWORD, Deployment, docker_answers, text_of
from tests.support.free_ports import free_port
from tests.support.user_agent import user_agent

pytestmark = [pytest.mark.docker, pytest.mark.long, pytest.mark.timeout(900)]

GUIDE = (REPOSITORY / "docs" / "upstream.md").read_text(encoding="utf-8").split("## With docker compose")[1]
SETTINGS = dict(re.findall(r"^(\w+)=(.*)$", GUIDE.split("```sh\n")[1].split("```")[0], re.MULTILINE))

WEATHER = """
import sys
from mcp.server import MCPServer
from mcp.server.mcpserver import Context

server = MCPServer("Weather")

@server.tool()
async def forecast(city: str) -> str:
    return f"Sunny in {city}"

@server.tool()
async def credential(ctx: Context) -> str:
    return ctx.headers["x-key"]

@server.tool()
async def caller(ctx: Context) -> str:
    return f'{ctx.headers["sallyport-issuer"]} {ctx.headers["sallyport-subject"]}'

if __name__ == "__main__" and sys.argv[1:]:
    server.run("streamable-http", host="0.0.0.0", port=int(sys.argv[1]))
elif __name__ == "__main__":
    server.run()
"""
DOCKERFILE = """
FROM sallyport-mcp
HEALTHCHECK --interval=1s CMD ["python", "-c", "import socket; socket.create_connection(('localhost', 3000), 2)"]
COPY weather.py /
CMD ["python", "/weather.py", "3000"]
"""
# As the guide says: mounted as files, which replicas share.
SECRETS = {"headers.json": '{"X-Key": "the key of the server"}', "session-key": "k" * 32}
SETTINGS_OF_SECRETS = re.findall(r"`(MCP_UPSTREAM_\w+_FILE)=(/files/[\w.-]+)`", GUIDE)
LIST_TOOLS = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """The files of the server and of compose, readable for the user of the containers."""
    directory = tmp_path_factory.mktemp("server")
    files = {"weather.py": WEATHER, "Dockerfile": DOCKERFILE, **SECRETS}
    for name, text in files.items():
        (directory / name).write_text(text)
        (directory / name).chmod(0o644)
    directory.chmod(0o755)
    return directory


@pytest.fixture(scope="module")
def deployment(directory):
    if not docker_answers():
        pytest.skip("Docker does not answer")
    made = Deployment(f"sallyport-upstream-{os.getpid()}", free_port(("127.0.0.1",)))
    made.environment |= {**SETTINGS, **dict(SETTINGS_OF_SECRETS), "SALLYPORT_MCP_FILES": str(directory)}
    made.environment["SALLYPORT_SERVER_BUILD"] = str(directory)
    try:
        made.make("up")
        made.compose(
            *("exec", "-T", "auth", "python", "-m", "auth_service", "users", "add", "alice", "--password-stdin"),
            stdin=f"{PASSWORD}\n",
        )
        yield made
    finally:
        made.compose("down", "--volumes", "--remove-orphans")


async def list_tools(deployment, memory):
    """The status of a request with the access token, without a client that would sign in again."""
    headers = {"Authorization": f"Bearer {memory.access_token}", "Accept": "application/json, text/event-stream"}
    async with httpx2.AsyncClient(timeout=30) as http:
        return (await http.post(f"{deployment.url}/mcp", json=LIST_TOOLS, headers=headers)).status_code


async def until(condition, *, seconds):
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.2)


@pytest.mark.invariant(12)
@pytest.mark.parametrize("wire", ["2026-07-28", "legacy"])
async def test_a_user_signs_in_calls_and_is_refused_after_the_revocation(deployment, wire):
    memory = Memory()
    async with user_agent("alice", PASSWORD) as user:
        async with connected(f"{deployment.url}/mcp", user, memory=memory, wire=wire) as client:
            assert text_of(await client.call_tool("forecast", {"city": "Oslo"})) == "Sunny in Oslo"
            issuer, subject = text_of(await client.call_tool("caller", {})).split(" ")
            assert (issuer, bool(subject)) == (deployment.url, True)
        assert any(SETTINGS["MCP_RESOURCE_NAME"] in page for page in user.pages)
    form = {"token": memory.tokens.refresh_token, "client_id": memory.registration.client_id}
    async with httpx2.AsyncClient() as http:
        assert (await http.post(f"{deployment.url}/token/revoke", data=form)).status_code == 200

    async def is_refused():
        return await list_tools(deployment, memory) == 401

    await until(is_refused, seconds=10)


async def test_replicas_share_sessions_and_the_credential_by_mounted_files(deployment):
    assert len(SETTINGS_OF_SECRETS) == len(SECRETS)
    await asyncio.to_thread(deployment.make, "scale", "MCP=2")
    async with (
        user_agent("alice", PASSWORD) as user,
        connected(f"{deployment.url}/mcp", user, wire="legacy") as client,
    ):
        for _ in range(10):
            assert text_of(await client.call_tool("credential", {})) == "the key of the server"
    await asyncio.to_thread(deployment.make, "scale", "MCP=1")


def test_only_the_guard_reaches_the_server(deployment):
    attempt = (
        "import socket\n"
        "try: socket.create_connection(('server', 3000), 3)\n"
        "except OSError: print('unreachable')\n"
        "else: print('reachable')"
    )
    assert deployment.compose("exec", "-T", "auth", "python", "-c", attempt).strip() == "unreachable"
    assert deployment.compose("exec", "-T", "mcp", "python", "-c", attempt).strip() == "reachable"


async def test_without_the_server_the_gateway_and_the_guard_go_on(deployment):
    memory = Memory()
    async with (
        user_agent("alice", PASSWORD) as user,
        connected(f"{deployment.url}/mcp", user, memory=memory) as client,
    ):
        await client.call_tool("forecast", {"city": "Oslo"})
        await asyncio.to_thread(deployment.compose, "stop", "server")
        # Until its name is forgotten, connections to it get no answer.
        assert await list_tools(deployment, memory) in {502, 504}
        metadata = httpx2.get(f"{deployment.url}/.well-known/oauth-protected-resource/mcp")
        assert metadata.json()["resource"] == f"{deployment.url}/mcp"
        await asyncio.to_thread(deployment.compose, "start", "server")

        async def is_served():
            return await list_tools(deployment, memory) not in {502, 504}

        await until(is_served, seconds=30)
        assert text_of(await client.call_tool("forecast", {"city": "Oslo"})) == "Sunny in Oslo"


@pytest.mark.parametrize(
    "settings",
    [{"MCP_UPSTREAM_COMMAND": "python weather.py"}, {"MCP_SERVER": "./weather.py:server"}],
    ids=["command", "object"],
)
async def test_a_mounted_file_is_served_too(deployment, settings):
    """Last: the deployment keeps these settings."""
    unset = {"MCP_UPSTREAM": "", "MCP_UPSTREAM_COMMAND": "", "MCP_SERVER": ""} | {n: "" for n, _ in SETTINGS_OF_SECRETS}
    deployment.environment |= {**unset, **settings}
    deployment.make("up")
    async with user_agent("alice", PASSWORD) as user, connected(f"{deployment.url}/mcp", user) as client:
        assert text_of(await client.call_tool("forecast", {"city": "Oslo"})) == "Sunny in Oslo"
