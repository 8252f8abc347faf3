"""`check-config`: checks the settings, the server and its scope map without starting the service."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Annotated, Final

import typer

from mcp_service.commands.console import checked_app, read_settings
from shared.garbage_collection import garbage_collection_paused

if TYPE_CHECKING:
    from mcp_service.settings import McpSettings

UPSTREAM_SECONDS: Final = 5.0
"""How long reading the server at MCP_UPSTREAM may take."""


def check_config(
    *,
    print_resource: Annotated[
        bool, typer.Option(help="Print the entry for AUTH_RESOURCES that matches this server's scope map.")
    ] = False,
    metadata_origin: Annotated[
        str | None,
        typer.Option(help="With --print-resource: where auth_service reaches this server, such as http://mcp:9001."),
    ] = None,
    read_upstream: Annotated[
        bool, typer.Option("--read-upstream", help="With --print-resource: read the server at MCP_UPSTREAM too.")
    ] = False,
    offline: Annotated[bool, typer.Option(help="Ask neither the issuer nor the server at MCP_UPSTREAM.")] = False,
) -> None:
    """Check the settings, the server and its scope map, and compare the scopes with those that the issuer lists.

    The service is not started. A difference of the scopes is a warning: an issuer need not list all that it has. So is
    what answers at MCP_UPSTREAM and is no MCP server.
    """
    with garbage_collection_paused():
        from mcp_service.app import METADATA, SCOPES
        from mcp_service.metadata import authorization_server_entry

    settings = read_settings()
    app = checked_app(settings)
    if print_resource:
        entry = authorization_server_entry(app[METADATA], app[SCOPES].scopes, read_at=metadata_origin)
        typer.echo(json.dumps([entry], indent=2))
        if read_upstream:
            asyncio.run(_warn_of_upstream(settings))
        return
    if not offline:
        asyncio.run(_ask_others(settings, tuple(app[SCOPES].scopes)))
    typer.echo("ok")


async def _ask_others(settings: McpSettings, scopes: tuple[str, ...]) -> None:
    await asyncio.gather(_warn_of_upstream(settings), _compare_scopes(settings.issuer, scopes))


async def _warn_of_upstream(settings: McpSettings) -> None:
    """Read the server at MCP_UPSTREAM once; print a warning on standard error if there is no MCP server.

    One that must be told the caller by an assertion is not read: there is no caller.
    """
    if settings.upstream is None or settings.upstream_identity == "assertion":
        return
    # Imported here: it loads a client of MCP.
    from mcp_service.servers.mcp_client import configured_access
    from mcp_service.servers.server_contents import NoMcpServer, UnreadableServer, read_server

    # The SDK logs what it cannot read with tracebacks.
    logging.getLogger("mcp").setLevel(logging.CRITICAL)
    logging.getLogger("client").setLevel(logging.CRITICAL)
    access = configured_access(settings, further={})
    try:
        await read_server(settings.upstream, access=access, seconds=UPSTREAM_SECONDS)
    except NoMcpServer as exc:
        url = settings.upstream.partition("?")[0]
        typer.echo(f"warning: there is no MCP server at MCP_UPSTREAM ({url}): {exc}", err=True)
    except UnreadableServer:
        pass  # It speaks MCP, and lists nothing.


async def _compare_scopes(issuer: str, scopes: tuple[str, ...]) -> None:
    """Print the scopes that the issuer does not list, as a warning on standard error."""
    from mcp_service.issuer.scope_check import FIX, NotCompared, difference_note, scopes_unknown_to_issuer
    from mcp_service.issuer.session import IssuerSession
    from shared.operator_commands import runnable

    session = IssuerSession()
    try:
        unknown = await scopes_unknown_to_issuer(session, issuer=issuer, scopes=scopes)
    except NotCompared as exc:
        typer.echo(f"The scopes are not compared: {exc}", err=True)
    else:
        if unknown:
            typer.echo(f"warning: {difference_note(unknown, scopes)}: {' '.join(unknown)}\n{runnable(FIX)}", err=True)
    finally:
        await session.close()
