"""The MCP server behind the guard of `make run`: its name for a client, and whether it answers."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from devstack.service_process import ServiceError, ServiceProcess, service_command
from mcp_service.pages.client_setup import name_in_clients

_EXAMPLE: Final = "notes"
_OTHER_SERVERS: Final = ("MCP_SERVER", "MCP_UPSTREAM", "MCP_UPSTREAM_COMMAND")
_DECLARING: Final = (*_OTHER_SERVERS, "MCP_SCOPES", "MCP_SCOPES_FILE", "MCP_RESOURCE_NAME")
_RUNNERS: Final = frozenset({"npx", "bunx", "uvx", "node", "deno", "bun", "python", "python3"})
_PLAIN_ARGUMENT: Final = re.compile(r"[A-Za-z@./][\w@./-]*")
"""A package or a file: no option, no assignment, no address."""
_CHECK_SECONDS: Final = 0.2
_FIRST_CHECK_SECONDS: Final = 2.0
"""How long a server may take to appear before `make run` says that it is missing."""


def is_example(environment: Mapping[str, str]) -> bool:
    """Whether the guard protects the notes example, the only server that uses the Redis for notes."""
    return not any(environment.get(name) for name in _OTHER_SERVERS)


@dataclass(frozen=True, slots=True)
class DeclaredServer:
    """The output of `check-config` of mcp_service about the configured server."""

    resources: str
    """AUTH_RESOURCES; empty for the example."""
    warning: str
    """The problem with the server at MCP_UPSTREAM; empty when there is none or no such server."""


async def declared_server(mcp_environment: Mapping[str, str]) -> DeclaredServer:
    """The configured MCP server as it declares itself. Raises ServiceError."""
    if not any(mcp_environment.get(name) for name in _DECLARING):
        return DeclaredServer("", "")
    result = await service_command(
        "mcp_service", mcp_environment, "check-config", "--print-resource", "--read-upstream"
    )
    if not result.succeeded:
        raise ServiceError(f"mcp_service rejects its settings:\n{result.combined_output}")
    warnings = [line for line in result.errors.splitlines() if line.startswith("warning: ")]
    return DeclaredServer(result.output, "\n".join(warnings))


def describe_server(environment: Mapping[str, str], resources: str) -> str:
    """Which server the guard protects: its name, and the setting that names it."""
    name = json.loads(resources)[0]["name"] if resources else "Notes"
    if environment.get("MCP_SERVER"):
        return f"{name} ({environment['MCP_SERVER']})"
    if environment.get("MCP_UPSTREAM"):
        return f"{name} ({without_query(environment['MCP_UPSTREAM'])})"
    if environment.get("MCP_UPSTREAM_COMMAND"):
        return f"{name} ({_shown_command(environment['MCP_UPSTREAM_COMMAND'])})"
    return f"{name} (the example; README, Protect your server)"


def _shown_command(command: str) -> str:
    """The program, and what a known runner runs. Any other argument can hold a key."""
    try:
        program, *arguments = shlex.split(command)
    except ValueError:
        return "MCP_UPSTREAM_COMMAND"
    target = next((a for a in arguments if _PLAIN_ARGUMENT.fullmatch(a)), "") if Path(program).name in _RUNNERS else ""
    return f"{program} {target}".strip()


def name_for_clients(resources: str) -> str:
    """The name under which a client adds the server, from that of the resource."""
    return name_in_clients(json.loads(resources)[0]["name"] if resources else _EXAMPLE)


async def unreachable_reason(mcp: ServiceProcess) -> str | None:
    """The reason why the server at MCP_UPSTREAM does not answer; None if it does, or if there is another server."""
    deadline = time.monotonic() + _FIRST_CHECK_SECONDS
    while (  # noqa: ASYNC110 - the service is another process
        reason := await asyncio.to_thread(mcp.problem_of, "server")
    ) and time.monotonic() < deadline:
        await asyncio.sleep(_CHECK_SECONDS)
    return reason


async def report_when_it_answers(mcp: ServiceProcess, upstream: str) -> None:
    """Print a line when the server answers."""
    while await asyncio.to_thread(mcp.problem_of, "server"):  # noqa: ASYNC110 - the service is another process
        await asyncio.sleep(_CHECK_SECONDS)
    if mcp.pid is not None:
        print(f"The server at {without_query(upstream)} answers now.", flush=True)


def without_query(url: str) -> str:
    """The URL as it may be shown: a query can hold a key, as can what is before the host."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
