"""MCP servers of other projects, and the pair that stands in front of one of them."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import aiohttp
import pytest

from devstack.loopback import free_port
from tests.e2e.any_server.wiretap import Wiretap
from tests.e2e.foreign_process import serving
from tests.e2e.pair import Pair
from tests.e2e.sdk_client import Memory, connected
from tests.support.node_packages import BUILD, install_node_packages
from tests.support.user_agent import user_agent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from mcp import Client

    from tests.e2e.sdk_client import Wire

SCRIPTS = Path(__file__).parent / "servers"
LEGACY: Wire = "legacy"
MODERN: Wire = "2026-07-28"


@cache
def node() -> Path:
    """The directory with the servers of npm, and the Node that runs them."""
    return install_node_packages(SCRIPTS, "npm-any-server")


@cache
def python_packages(requirement: str, name: str) -> Path:
    """A directory for PYTHONPATH, apart from our environment: such packages bring many others along."""
    directory = BUILD / name
    if not (directory / "bin").exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(directory), requirement]
        subprocess.run(command, check=True, timeout=540)
    return directory


def _node(script: str, *arguments: str, **environment: str) -> list[str]:
    variables = [f"{name}={value}" for name, value in environment.items()]
    return ["env", *variables, str(node() / "node_modules/.bin/node"), str(node() / script), *arguments]


def _everything(argument: str) -> list[str]:
    script = "node_modules/@modelcontextprotocol/server-everything/dist/index.js"
    if argument == "stdio":
        return _node(script, "stdio")
    return _node(script, "streamableHttp", PORT=argument)


def _example(port: str) -> list[str]:
    return _node(
        "node_modules/@modelcontextprotocol/sdk/dist/esm/examples/server/simpleStreamableHttp.js", MCP_PORT=port
    )


def _fastmcp(*arguments: str) -> list[str]:
    packages = python_packages("fastmcp==4.2.3", "fastmcp-packages")
    return ["env", f"PYTHONPATH={packages}", sys.executable, str(SCRIPTS / "fastmcp_tools.py"), *arguments]


def _time(_argument: str) -> list[str]:
    packages = python_packages("mcp-server-time==2026.10.19", "mcp-server-time-packages")
    return ["env", f"PYTHONPATH={packages}", sys.executable, "-m", "mcp_server_time", "--local-timezone", "UTC"]


@dataclass(frozen=True)
class ForeignServer:
    """One server. `command` is given the port to listen at, or `stdio`."""

    name: str
    command: Callable[[str], list[str]]
    tool: str
    arguments: dict[str, Any]
    text: str
    """A part of what the tool says."""
    restricted: tuple[str, dict[str, Any]]
    """A tool that the guard demands a further scope for, and its arguments."""
    transport: Literal["http", "stdio"] = "http"
    wires: tuple[Wire, ...] = (LEGACY,)
    has_sessions: bool = False
    counts: tuple[str, dict[str, Any]] | None = None
    """A tool that reports progress three times."""
    asks: tuple[str, dict[str, Any], dict[str, Any]] | None = None
    """A tool that asks the user in a session, its arguments, and what the user enters."""

    def __str__(self) -> str:
        return self.name


GREETING: dict[str, Any] = {"tool": "greet", "arguments": {"name": "Ada"}, "text": "Hello, Ada!"}
OF_OURS: dict[str, Any] = {**GREETING, "restricted": ("archive", {}), "counts": ("count", {})}
"""The tools of the programs in servers/."""
EVERYTHING: dict[str, Any] = {
    "command": _everything,
    "tool": "echo",
    "arguments": {"message": "good day"},
    "text": "good day",
    "restricted": ("get-sum", {"a": 40, "b": 2}),
    "counts": ("trigger-long-running-operation", {"duration": 0.3, "steps": 3}),
}
BOTH = (LEGACY, MODERN)

EVERYTHING_HTTP = ForeignServer(
    "server-everything", has_sessions=True, asks=("trigger-elicitation-request", {}, {"name": "Ada"}), **EVERYTHING
)
TYPESCRIPT_V1 = ForeignServer(
    "TypeScript SDK v1",
    _example,
    has_sessions=True,
    asks=("collect-user-info", {"infoType": "feedback"}, {"rating": 5, "comments": "Ada"}),
    restricted=("list-files", {}),
    **GREETING,
)
TYPESCRIPT_V2 = ForeignServer(
    "TypeScript SDK v2",
    lambda port: _node("typescript_server.mjs", port),
    wires=BOTH,
    **OF_OURS,
)
FASTMCP = ForeignServer(
    "FastMCP",
    _fastmcp,
    wires=BOTH,
    has_sessions=True,
    asks=("ask", {}, {"value": "Ada"}),
    **OF_OURS,
)
FASTMCP_STATELESS = ForeignServer("FastMCP stateless", lambda port: _fastmcp(port, "stateless"), wires=BOTH, **OF_OURS)
EVERYTHING_STDIO = ForeignServer("server-everything on stdio", transport="stdio", wires=BOTH, **EVERYTHING)
FASTMCP_STDIO = ForeignServer("FastMCP on stdio", _fastmcp, transport="stdio", wires=BOTH, **OF_OURS)
TIME_STDIO = ForeignServer(
    "mcp-server-time on stdio",
    _time,
    transport="stdio",
    wires=BOTH,
    tool="get_current_time",
    arguments={"timezone": "Europe/Oslo"},
    text="Europe/Oslo",
    restricted=("convert_time", {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"}),
)
SERVERS = (
    EVERYTHING_HTTP,
    TYPESCRIPT_V1,
    TYPESCRIPT_V2,
    FASTMCP,
    FASTMCP_STATELESS,
    EVERYTHING_STDIO,
    FASTMCP_STDIO,
    TIME_STDIO,
)


def each(servers: Iterable[ForeignServer]) -> pytest.MarkDecorator:
    """Run a test for each of the servers and each wire that it speaks."""
    rows = [pytest.param(server, wire, id=f"{server}-{wire}") for server in servers for wire in server.wires]
    return pytest.mark.parametrize(("server", "wire"), rows)


def one(servers: Iterable[ForeignServer]) -> pytest.MarkDecorator:
    """Run a test for each of the servers."""
    return pytest.mark.parametrize("server", servers, ids=str)


def scope_map(server: ForeignServer) -> dict[str, Any]:
    """One scope for everything, and one more for the restricted tool."""
    return {
        "scopes": {"tools:use": {"description": "Use the tools"}, "tools:more": {"description": "Use more of them"}},
        "default": ["tools:use"],
        "tools": {server.restricted[0]: ["tools:use", "tools:more"]},
    }


@dataclass
class Guarded:
    """A server, and a pair whose guard stands in front of it."""

    server: ForeignServer
    pair: Pair
    received: Callable[[], bytes]
    """Everything that the server has been sent."""
    _users: int = field(default=0)

    @property
    def url(self) -> str:
        return self.pair.resource

    @contextlib.asynccontextmanager
    async def client(
        self, wire: Wire, *, memory: Memory | None = None, username: str | None = None, **options: Any
    ) -> AsyncIterator[Client]:
        """The Python SDK's client, for a user that signs in when it is asked to."""
        async with (
            user_agent(username or self.pair.username, self.pair.password) as user,
            connected(self.url, user, wire=wire, memory=memory, **options) as client,
        ):
            yield client

    async def token(self, *, username: str | None = None, more: bool = True) -> str:
        """An access token; with the scope of the restricted tool if `more`."""
        memory = Memory()
        scope = "tools:use tools:more" if more else "tools:use"
        async with self.client("legacy", memory=memory, username=username, scope=scope) as client:
            await client.list_tools()
        return memory.access_token

    async def another_user(self) -> str:
        """The name of a user of its own; the password is the same."""
        self._users += 1
        name = f"user-{self._users}"
        await self.pair.add_user(name, self.pair.password)
        return name

    @contextlib.asynccontextmanager
    async def raw(
        self, method: str, token: str, body: object = None, **headers: str
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One request of the older wire."""
        sent = {
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2025-06-18",
            "Authorization": f"Bearer {token}",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as http,
            http.request(method, self.url, json=body, headers=sent) as answer,
        ):
            yield answer


@contextlib.asynccontextmanager
async def guarded(server: ForeignServer, directory: Path) -> AsyncIterator[Guarded]:
    """Start the server and a pair in front of it."""
    async with contextlib.AsyncExitStack() as stack:
        if server.transport == "http":
            port = free_port(("127.0.0.1",))
            await stack.enter_async_context(serving(port, *server.command(str(port))))
            tap = await stack.enter_async_context(Wiretap(port))
            own = {"MCP_UPSTREAM": f"http://127.0.0.1:{tap.port}/mcp"}

            def received() -> bytes:
                return bytes(tap.received)

        else:
            copy = directory / "received"
            copy.touch()
            # `tee` keeps what the command reads.
            pipeline = f"tee {shlex.quote(str(copy))} | {shlex.join(server.command('stdio'))}"
            own = {"MCP_UPSTREAM_COMMAND": shlex.join(["sh", "-c", pipeline])}
            received = copy.read_bytes
        pair = Pair(scopes=scope_map(server), own=own)
        stack.push_async_callback(pair.close)
        await pair.start()
        yield Guarded(server, pair, received)
