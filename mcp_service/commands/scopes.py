"""`scopes`: prints a scope map to edit, from what a server lists."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Final

import typer
from pydantic_settings import SettingsConfigDict

from mcp_service.upstream_settings import UpstreamSettings
from shared.errors import Misconfigured
from shared.operator_commands import operator_command

if TYPE_CHECKING:
    from mcp_service.servers.mcp_client import HttpAccess

HELP: Final = f"""Print a scope map (JSON) for a server, to edit.

The tools, resources and prompts are those that the server lists. A tool with readOnlyHint needs the read scope, every
other one the write scope, which implies it; so does a tool that the server gets later. The names of the scopes come
from the server's name.

    {operator_command("mcp_service", "scopes", "--from", "http://127.0.0.1:3000/mcp")} > scopes.json

    {operator_command("mcp_service", "scopes", "--from", "npx -y some-mcp-server")} > scopes.json

    {operator_command("mcp_service", "scopes", "--from", "weather:server")} > scopes.json

Then edit the file and set MCP_SCOPES=./scopes.json. Exit status 1 if the server cannot be read.
"""


_SERVERS: Final = ("MCP_SERVER", "MCP_UPSTREAM", "MCP_UPSTREAM_COMMAND")
_OF_THE_CONNECTION: Final = (
    *("MCP_UPSTREAM", "MCP_UPSTREAM_CA_FILE", "MCP_UPSTREAM_HEADERS", "MCP_UPSTREAM_HEADERS_FILE"),
    *("MCP_UPSTREAM_HOST", "MCP_UPSTREAM_SOCKET"),
)


class _ConnectionSettings(UpstreamSettings):
    model_config = SettingsConfigDict(env_prefix="MCP_", frozen=True, extra="forbid")


def scopes(
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="URL|COMMAND|MODULE:ATTRIBUTE",
            help="The server; the configured one when left out. A file is named ./file.py:attribute.",
        ),
    ] = None,
    *,
    prefix: Annotated[
        str | None, typer.Option(help="The beginning of the scopes' names, instead of the server's name.")
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option(help="A header for the requests to a URL, as 'Name: value'; may be repeated.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, max=600, help="How long reading the server may take.")] = 60,
) -> None:
    """Print a scope map for a server."""
    from mcp_service.servers.mcp_client import HttpAccess
    from mcp_service.servers.server_contents import UnreadableServer, read_server
    from mcp_service.servers.suggested_scopes import suggested_scope_map, valid_prefix

    # The SDK logs what it cannot read with tracebacks; the command says it in one sentence.
    logging.getLogger("mcp").setLevel(logging.CRITICAL)
    logging.getLogger("client").setLevel(logging.CRITICAL)
    if prefix is not None and not valid_prefix(prefix):
        raise typer.BadParameter(f"{prefix!r} cannot begin a scope", param_hint="--prefix")
    headers = _headers(header or ())
    try:
        # The module of a server may print; standard output is for the map alone.
        with contextlib.redirect_stdout(sys.stderr):
            server, access = (source, HttpAccess(headers)) if source else _configured(headers)
            contents = asyncio.run(read_server(server, access=access, seconds=seconds))
    except (UnreadableServer, Misconfigured) as exc:
        typer.echo(f"The server cannot be read: {exc}", err=True)
        raise typer.Exit(1) from None
    typer.echo(json.dumps(suggested_scope_map(contents, prefix=prefix), indent=2))
    read_only = sum(tool.reads_only for tool in contents.tools)
    counts = [
        _count(len(contents.resources), "resource"),
        _count(len(contents.templates), "template"),
        _count(len(contents.prompts), "prompt"),
    ]
    typer.echo(
        f"{contents.name}: {_count(len(contents.tools), 'tool')} ({read_only} with readOnlyHint), {', '.join(counts)}. "
        "The hints are the server's own words: check them, then set MCP_SCOPES=./scopes.json.",
        err=True,
    )


def _configured(headers: Mapping[str, str]) -> tuple[str, HttpAccess]:
    """The server of the environment, and how the guard reaches it; headers of the command are added.

    The other settings need not be complete yet. Raises Misconfigured.
    """
    from mcp_service.servers.mcp_client import HttpAccess, configured_access

    found = [name for name in _SERVERS if os.environ.get(name)]
    if not found:
        raise Misconfigured(f"name it with --from, or set {', '.join(_SERVERS[:-1])} or {_SERVERS[-1]}")
    access = HttpAccess(headers)
    if found[0] == "MCP_UPSTREAM":
        given = {name: os.environ[name] for name in _OF_THE_CONNECTION if name in os.environ}
        # Which identity the server may be told plays no part in reading it.
        settings = _ConnectionSettings.from_environment({**given, "MCP_UPSTREAM_IDENTITY": "none"})
        access = configured_access(settings, further=headers)
    return os.environ[found[0]], access


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _headers(given: list[str] | tuple[str, ...]) -> dict[str, str]:
    headers = {}
    for line in given:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise typer.BadParameter("a header has the form 'Name: value'", param_hint="--header")
        headers[name.strip()] = value.strip()
    return headers
