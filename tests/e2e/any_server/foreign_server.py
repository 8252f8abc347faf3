"""MCP servers of other projects: how each is started, and what it offers."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from tests.support.node_packages import BUILD, install_node_packages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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
