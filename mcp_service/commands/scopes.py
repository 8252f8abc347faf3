"""`scopes`: prints a scope map to edit, from what a server lists."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
from typing import Annotated, Final

import typer

from shared.errors import Misconfigured
from shared.operator_commands import operator_command

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
    from mcp_service.servers.server_contents import UnreadableServer, read_server
    from mcp_service.servers.suggested_scopes import suggested_scope_map, valid_prefix

    # The SDK logs what it cannot read with tracebacks; the command says it in one sentence.
    logging.getLogger("mcp").setLevel(logging.CRITICAL)
    logging.getLogger("client").setLevel(logging.CRITICAL)
    if prefix is not None and not valid_prefix(prefix):
        raise typer.BadParameter(f"{prefix!r} cannot begin a scope", param_hint="--prefix")
    try:
        # The module of a server may print; standard output is for the map alone.
        with contextlib.redirect_stdout(sys.stderr):
            reading = read_server(source or _configured(), headers=_headers(header or ()), seconds=seconds)
            contents = asyncio.run(reading)
    except (UnreadableServer, Misconfigured) as exc:
        typer.echo(f"The server cannot be read: {exc}", err=True)
        raise typer.Exit(1) from None
    typer.echo(json.dumps(suggested_scope_map(contents, prefix=prefix), indent=2))
    read_only = sum(tool.reads_only for tool in contents.tools)
    typer.echo(
        f"{contents.name}: {len(contents.tools)} tools ({read_only} with readOnlyHint), "
        f"{len(contents.resources)} resources, {len(contents.templates)} templates, {len(contents.prompts)} prompts. "
        "The hints are the server's own words: check them, then set MCP_SCOPES=./scopes.json.",
        err=True,
    )


def _configured() -> str:
    """The server of the environment; the other settings need not be complete yet. Raises Misconfigured."""
    found = [os.environ[name] for name in _SERVERS if os.environ.get(name)]
    if not found:
        raise Misconfigured(f"name it with --from, or set {', '.join(_SERVERS[:-1])} or {_SERVERS[-1]}")
    return found[0]


def _headers(given: list[str] | tuple[str, ...]) -> dict[str, str]:
    headers = {}
    for line in given:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise typer.BadParameter("a header has the form 'Name: value'", param_hint="--header")
        headers[name.strip()] = value.strip()
    return headers
