"""`SALLYPORT_PUBLIC_URL=… make run`: both services at one port, to which a tunnel forwards, as docs/tunnels.md says."""

import asyncio
import re
import subprocess
import sys

import httpx2
import pytest

from devstack.service_process import REPOSITORY
from tests.e2e.sdk_client import Memory, connected
from tests.e2e.test_make_run import Launcher, ended
from tests.support.free_ports import free_port
from tests.support.user_agent import user_agent

pytestmark = pytest.mark.timeout(180)

LOOPBACK = ("127.0.0.1",)
PASSWORD = "a long enough password"
GUIDE = (REPOSITORY / "docs" / "tunnels.md").read_text(encoding="utf-8")
SETTING = re.search(r"^ *(\w+)=https://your\.address make run$", GUIDE, re.MULTILINE)[1]


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    """The public address, which here is the gateway itself."""
    port = free_port(LOOPBACK)
    directory = tmp_path_factory.mktemp("public")
    url = f"http://localhost:{port}"
    launcher = Launcher(
        directory / "data",
        free_port(LOOPBACK),
        free_port(LOOPBACK),
        DEMO_PASSWORD=PASSWORD,
        GATEWAY_HTTP=f"127.0.0.1:{port}",
        **{SETTING: url},
    )
    yield launcher.start().until_ready(), url
    ended(launcher)


def test_the_launcher_prints_the_public_address(public):
    launcher, url = public
    assert f"{url}/mcp" in launcher.said
    assert str(launcher.mcp_port) not in launcher.said


def test_the_launcher_prints_to_which_address_the_tunnel_forwards(public):
    launcher, url = public
    assert re.search(r"^ +Forward the tunnel to +(\S+)$", launcher.said, re.MULTILINE)[1] == url


@pytest.mark.parametrize("wire", ["2026-07-28", "legacy"])
async def test_a_client_signs_in_and_calls_a_tool(public, wire):
    _, url = public
    memory = Memory()
    async with (
        user_agent("demo", PASSWORD) as user,
        connected(f"{url}/mcp", user, memory=memory, wire=wire, scope="notes:read notes:write") as client,
    ):
        await client.call_tool("add_note", {"text": "through one port"})
        listed = await client.call_tool("list_notes", {})
        assert "through one port" in "".join(block.text for block in listed.content)


async def test_the_end_of_a_grant_reaches_the_guard(public):
    _, url = public
    memory = Memory()
    async with user_agent("demo", PASSWORD) as user, connected(f"{url}/mcp", user, memory=memory) as client:
        await client.call_tool("list_notes", {})
    listen = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    headers = {"Authorization": f"Bearer {memory.access_token}", "Accept": "application/json, text/event-stream"}
    async with httpx2.AsyncClient(timeout=30) as http:
        assert (await http.post(f"{url}/mcp", json=listen, headers=headers)).status_code == 200
        form = {"token": memory.tokens.refresh_token, "client_id": memory.registration.client_id}
        assert (await http.post(f"{url}/token/revoke", data=form)).status_code == 200
        async with asyncio.timeout(10):
            while (  # noqa: ASYNC110 - the guard is another process
                await http.post(f"{url}/mcp", json=listen, headers=headers)
            ).status_code != 401:
                await asyncio.sleep(0.1)


async def test_a_client_does_not_choose_its_request_id(public):
    _, url = public
    async with httpx2.AsyncClient() as http:
        for path in ("/mcp", "/token"):
            answer = await http.post(f"{url}{path}", headers={"X-Request-Id": "chosen-by-the-client"})
            assert answer.headers["X-Request-Id"] != "chosen-by-the-client"


@pytest.mark.parametrize("path", ["/metrics", "/readyz", "/livez", "/%6detrics", "/METRICS", "/x/../metrics"])
async def test_nothing_internal_is_reachable_from_outside(public, path):
    _, url = public
    # By hand, so that no client tidies the path up.
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert (await reader.read()).startswith(b"HTTP/1.1 404 ")
    writer.close()


def test_the_doctor_finds_nothing_to_fix(public):
    _, url = public
    looked = subprocess.run(
        [sys.executable, "-m", "sallyport_doctor", f"{url}/mcp", "--register"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert looked.returncode == 0, looked.stdout + looked.stderr


def test_every_tunnel_of_the_guide_forwards_to_the_port_of_the_gateway():
    tunnels = re.findall(r"^ *\| \w+ \| `(.*?)` \|", GUIDE, re.MULTILINE)
    assert len(tunnels) == 3
    listed = (REPOSITORY / ".env.example").read_text(encoding="utf-8")
    port = re.search(r"Default: 127\.0\.0\.1:(\d+)\.\n#GATEWAY_HTTP=", listed)[1]
    assert [command for command in tunnels if not command.endswith((f" {port}", f"localhost:{port}"))] == []


def test_a_public_address_that_clients_would_spell_otherwise_is_refused(tmp_path):
    ports = free_port(LOOPBACK), free_port(LOOPBACK)
    code, said = Launcher(tmp_path / "data", *ports, SALLYPORT_PUBLIC_URL="https://a.tunnel/").start().fail()
    assert code == 1
    assert "SALLYPORT_PUBLIC_URL: the issuer 'https://a.tunnel/' ends with a slash" in said
