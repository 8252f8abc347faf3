"""Published clients, from npm and the Python index: installed once, run against the real pair.

`make test-clients` runs them. They are pinned here and in third_party_clients/package.json; node comes as a package.
"""

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import venv
from pathlib import Path

import aiohttp
import pytest

from auth_service.clients.resolver import CACHE_SECONDS
from tests.e2e.pair import READING_FIRST
from tests.support.free_ports import free_port
from tests.support.node_packages import BUILD, install_node_packages
from tests.support.openid_provider import OpenIdProvider, through_provider
from tests.support.user_agent import user_agent

pytestmark = [
    pytest.mark.npm,
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed"),
]

SCRIPTS = Path(__file__).parent / "third_party_clients"
FASTMCP = "fastmcp-slim[client]==4.2.1"
TOOLS = {"whoami", "list_notes", "add_note", "delete_note"}


@pytest.fixture(scope="session")
def installed():
    """The directory in which the packages are."""
    # Node 22 or later is wanted: its package unpacks the binary in a script of its own.
    return install_node_packages(SCRIPTS, "npm-clients")


@pytest.fixture(scope="session")
def python_with_fastmcp():
    """A Python that has FastMCP's client: apart from ours, because it brings many packages along."""
    directory = BUILD / "python-clients"
    python = directory / "bin/python"
    if not python.exists():
        venv.create(directory, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", FASTMCP], check=True, timeout=540)
    return python


class Program:
    """A client as a process, and the lines that it prints on either stream."""

    def __init__(self, directory, *arguments, home, program=None, **environment):
        self._directory = directory
        self._arguments = [str(program or directory / "node_modules/.bin/node"), *map(str, arguments)]
        # No browser may open, nothing of the machine's user may be read or written.
        self._environment = {
            "PATH": f"{directory / 'node_modules/.bin'}:{os.environ['PATH']}",
            "HOME": str(home),
            "BROWSER": "true",
            **environment,
        }
        self.lines: asyncio.Queue[str | None] = asyncio.Queue()
        self.seen: list[str] = []

    async def __aenter__(self):
        self._process = await asyncio.create_subprocess_exec(
            *self._arguments,
            cwd=self._directory,
            env=self._environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=2**20,
        )
        self._readers = [
            asyncio.create_task(self._read(self._process.stdout)),
            asyncio.create_task(self._read(self._process.stderr)),
        ]
        return self

    async def __aexit__(self, *_exc):
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        await asyncio.gather(*self._readers)
        # Its pipes are not closed with it, and the loop is gone before they are collected.
        self._process._transport.close()  # type: ignore[attr-defined]  # asyncio offers no public way

    def send(self, line):
        self._process.stdin.write(f"{line}\n".encode())

    async def wait_for(self, wanted, *, seconds=60):
        """The first line, from now on, of which `wanted` makes something. Fails with all that was said."""
        while True:
            try:
                line = await asyncio.wait_for(self.lines.get(), seconds)
            except TimeoutError:
                line = None
            assert line is not None, "\n".join(self.seen)
            found = wanted(line)
            if found is not None:
                return found

    async def ended(self):
        """Its exit status."""
        return await asyncio.wait_for(self._process.wait(), 60)

    async def _read(self, stream):
        async for raw in stream:
            line = raw.decode(errors="replace").rstrip()
            self.seen.append(line)
            await self.lines.put(line)
        if stream is self._process.stdout:
            await self.lines.put(None)


def as_json(line):
    """The JSON object that a line is, or None."""
    with contextlib.suppress(ValueError):
        parsed = json.loads(line)
        return parsed if isinstance(parsed, dict) else None
    return None


def authorization_url(issuer):
    """Finds the address that a program asks its user to visit."""

    def find(line):
        start = line.find(f"{issuer}/authorize?")
        return line[start:].split()[0].strip("\"'") if start >= 0 else None

    return find


async def visit(user, url):
    """The address at which the browser arrives."""
    await user.authorize(url)
    return user.callback


async def converse(process, user):
    """Act as the user for one of the scripts here; the messages of its steps."""
    steps = {}
    while "done" not in steps:
        message = await process.wait_for(as_json)
        if "visit" in message:
            process.send(await visit(user, message["visit"]))
        else:
            steps[message.pop("step")] = message
    return steps


@pytest.mark.parametrize(("version", "wire"), [("1", "legacy"), ("2", "legacy"), ("2", "2026-07-28")])
async def test_the_official_typescript_client_connects_calls_each_tool_and_refreshes(
    pair, user, installed, tmp_path, version, wire
):
    async with Program(installed, "sdk_client.mjs", pair.resource, version, wire, home=tmp_path) as process:
        steps = await converse(process, user)
    assert steps["listed"] == {"error": False, "scope": steps["listed"]["scope"]}
    assert steps["added"] == {"error": False, "scope": steps["listed"]["scope"]}
    assert steps["refreshed"] == {"error": False, "renewed": True}
    assert steps["done"] == {"registrations": 1}


@pytest.mark.parametrize(
    ("version", "wire", "scopes"),
    # Version 1 cannot step up (interop.md F31).
    [("1", "legacy", {}), ("2", "legacy", READING_FIRST), ("2", "2026-07-28", READING_FIRST)],
)
async def test_the_official_typescript_client_does_so_through_an_identity_provider(
    make_pair, installed, tmp_path, version, wire, scopes
):
    async with OpenIdProvider() as provider:
        pair = await make_pair(own=scopes | through_provider(provider))
        async with (
            user_agent("", "", provider=provider.url) as user,
            Program(installed, "sdk_client.mjs", pair.resource, version, wire, home=tmp_path) as process,
        ):
            steps = await converse(process, user)
    assert provider.asked("authorize") == 1
    assert all('name="password"' not in page for page in user.pages)
    assert ("notes:write" in steps["listed"]["scope"]) == (not scopes)
    assert "notes:write" in steps["added"]["scope"]
    assert not steps["listed"]["error"]
    assert not steps["added"]["error"]
    assert steps["refreshed"] == {"error": False, "renewed": True}
    assert steps["done"] == {"registrations": 1}


async def test_openid_client_signs_a_user_in_refreshes_introspects_and_revokes(pair, user, installed, tmp_path):
    async with Program(installed, "openid_client.mjs", pair.issuer, pair.resource, home=tmp_path) as process:
        steps = {}
        while "revoked" not in steps:
            message = await process.wait_for(as_json)
            if "visit" in message:
                process.send(await visit(user, message["visit"]))
            else:
                steps[message.pop("step")] = message
    assert steps["registered"] == {"issuer": pair.issuer, "s256": True}
    assert steps["signed in"] == {"audience": True, "same": True}
    assert steps["refreshed"] == {"rotated": True}
    assert steps["introspected"] == {"active": True}
    assert steps["revoked"] == {"refused": "invalid_grant"}


async def test_mcp_remote_bridges_a_local_program_to_the_server(pair, user, installed, tmp_path):
    bridge = installed / "node_modules/mcp-remote/dist/proxy.js"
    arguments = [bridge, pair.resource, "--allow-http", "--transport", "http-only"]
    async with Program(installed, *arguments, home=tmp_path, MCP_REMOTE_CONFIG_DIR=str(tmp_path)) as process:
        url = await process.wait_for(authorization_url(pair.issuer))
        await land(await visit(user, url))
        hello = {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "a local program", "version": "1"},
        }
        process.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}))
        await process.wait_for(lambda line: (as_json(line) or {}).get("result"))
        process.send(json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}))
        process.send(json.dumps({"jsonrpc": "2.0", "id": 2, "method": "tools/list"}))
        listed = await process.wait_for(lambda line: (as_json(line) or {}).get("result"))
        assert {tool["name"] for tool in listed["tools"]} >= TOOLS
        call = {"name": "list_notes", "arguments": {}}
        process.send(json.dumps({"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": call}))
        called = await process.wait_for(lambda line: (as_json(line) or {}).get("result"))
        assert not called.get("isError")


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_the_inspectors_command_line_signs_in_and_calls_a_tool(pair, user, installed, tmp_path, era):
    introspector = installed / "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"
    arguments = [
        introspector, "--cli", "--server-url", pair.resource, "--transport", "http", "--protocol-era", era,
        "--callback-url", f"http://127.0.0.1:{free_port(('127.0.0.1',))}/oauth/callback",
        "--connect-timeout", "60000", "--method", "tools/list", "--format", "json",
    ]  # fmt: skip
    # Without a terminal it does not sign in, unless it may open a browser: the one that BROWSER names.
    async with Program(installed, *arguments, home=tmp_path, MCP_AUTO_OPEN_ENABLED="true") as process:
        url = await process.wait_for(authorization_url(pair.issuer))
        await land(await visit(user, url))
        assert await process.ended() == 0, process.seen
    assert any("add_note" in line for line in process.seen)


async def test_fastmcps_client_connects_comes_back_and_recovers_from_a_registration_that_is_gone(
    pair, user, python_with_fastmcp, tmp_path
):
    """Interop.md A18: it looks at the page for an unknown client, registers anew and asks again."""
    steps = {}
    async with Program(
        SCRIPTS, SCRIPTS / "fastmcp_client.py", pair.resource, home=tmp_path, program=python_with_fastmcp
    ) as process:
        while "done" not in steps:
            message = await process.wait_for(as_json)
            if "visit" in message:
                await land(await visit(user, message["visit"]))
                continue
            steps[message.pop("step")] = message
            if "again" in steps and "anew" not in steps:
                await pair.command("clients", "remove", steps["first"]["client_id"], "--yes")
                # Replicas remember a client for a moment.
                await asyncio.sleep(CACHE_SECONDS)
                process.send("")
    assert not any(step.get("error") for step in steps.values())
    assert steps["again"]["client_id"] == steps["first"]["client_id"]
    assert steps["anew"]["client_id"] != steps["first"]["client_id"]


async def land(url):
    """The browser's last step: the client's own listener gets the answer."""
    async with aiohttp.ClientSession() as browser, browser.get(url) as response:
        assert response.status < 400, await response.text()
