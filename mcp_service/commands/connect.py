"""`connect`: prints, for each client, the command or the configuration entry that adds the server."""

from __future__ import annotations

from typing import Final

import typer

from mcp_service.commands.console import checked_app, read_settings
from mcp_service.pages.client_setup import client_setups, is_public_address
from shared.garbage_collection import garbage_collection_paused

_NOT_PUBLIC: Final = "  ChatGPT and Claude on the web reach public https addresses only: docs/tunnels.md\n"


def connect() -> None:
    """Print the address of the server, and how each client is connected to it."""
    with garbage_collection_paused():
        from mcp_service.app import METADATA

    metadata = checked_app(read_settings())[METADATA]
    typer.echo(how_to_connect(metadata.resource, metadata.name))


def how_to_connect(resource: str, server_name: str) -> str:
    """The lines for all clients that can reach the resource."""
    lines = [f"  MCP server   {resource}\n"]
    for setup in client_setups(name=server_name, resource=resource):
        lines += [f"  {setup.client:<12} {setup.steps}", *(f"    {line}" for line in setup.copied.splitlines()), ""]
    if not is_public_address(resource):
        lines.append(_NOT_PUBLIC)
    return "\n".join((*lines, f"  Any trouble  make doctor URL={resource}"))
