"""The command line of mcp_service."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from shared.errors import Misconfigured
from shared.loading import garbage_collection_paused

with garbage_collection_paused():
    from mcp_service.commands import scopes
    from mcp_service.principal.commands import keys
    from mcp_service.settings import McpSettings
    from shared.logs.configuration import configure_command_logs, service_logs

if TYPE_CHECKING:
    from aiohttp import web

cli = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True, help=__doc__)
cli.add_typer(keys, name="keys")


def _settings() -> McpSettings:
    try:
        return McpSettings.from_environment()
    except Misconfigured as exc:
        _refuse(exc)


def _refuse(exc: Misconfigured | str) -> NoReturn:
    typer.echo(f"mcp_service does not start:\n{exc}", err=True)
    raise typer.Exit(2)


@cli.command()
def serve() -> None:
    """Serve until told to stop (SIGINT or SIGTERM).

    At a signal `/readyz` turns 503 for MCP_DRAIN_SECONDS; then requests in flight get MCP_SHUTDOWN_SECONDS to end.
    """
    settings = _settings()
    try:
        _serve(settings)
    except Misconfigured as exc:
        _refuse(exc)
    except OSError as exc:
        _refuse(f"cannot listen: {exc.strerror or exc}")


def _serve(settings: McpSettings) -> None:
    with garbage_collection_paused():
        import uvloop
        from prometheus_client import CollectorRegistry

        from mcp_service.app import build_app
        from shared.http.serve import serve as serve_app

    registry = CollectorRegistry()

    async def run() -> None:
        await serve_app(
            build_app(settings, registry=registry),
            hosts=settings.host,
            port=settings.port,
            reuse_port=settings.reuse_port,
            drain_seconds=settings.drain_seconds,
            shutdown_seconds=settings.shutdown_seconds,
        )

    with service_logs(level=settings.log_level, log_format=settings.log_format, registry=registry):
        uvloop.run(run())


@cli.command("check-config")
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

    settings = _settings()
    app = _checked_app(settings)
    if print_resource:
        entry = authorization_server_entry(app[METADATA], app[SCOPES].scopes, read_at=metadata_origin)
        typer.echo(json.dumps([entry], indent=2))
        if read_upstream:
            asyncio.run(_warn_of_upstream(settings))
        return
    if not offline:
        asyncio.run(_ask_others(settings, tuple(app[SCOPES].scopes)))
    typer.echo("ok")


@cli.command()
def connect() -> None:
    """Print the address of the server, and how each client is connected to it."""
    with garbage_collection_paused():
        from mcp_service.app import METADATA
        from mcp_service.commands.connect import how_to_connect

    metadata = _checked_app(_settings())[METADATA]
    typer.echo(how_to_connect(metadata.resource, metadata.name))


def _checked_app(settings: McpSettings) -> web.Application:
    """The service, which is not started: faults of the settings and of the server come to light."""
    with garbage_collection_paused():
        from mcp_service.app import build_app

    # A program may read the output: errors go to standard error, and nothing else is logged.
    configure_command_logs(level="error", log_format=settings.log_format)

    async def build() -> web.Application:
        return build_app(settings)

    try:
        return asyncio.run(build())
    except Misconfigured as exc:
        _refuse(exc)


async def _ask_others(settings: McpSettings, scopes: tuple[str, ...]) -> None:
    await asyncio.gather(_warn_of_upstream(settings), _compare_scopes(settings.issuer, scopes))


async def _warn_of_upstream(settings: McpSettings) -> None:
    """Print why there is no MCP server at MCP_UPSTREAM, as a warning on standard error."""
    if settings.upstream is None:
        return
    # Imported here: it loads a client of MCP.
    from mcp_service.commands.upstream_check import upstream_warning

    warning = await upstream_warning(settings)
    if warning is not None:
        typer.echo(f"warning: {warning}", err=True)


async def _compare_scopes(issuer: str, scopes: tuple[str, ...]) -> None:
    """Print the difference, as a warning on standard error."""
    from mcp_service.issuer.scope_check import MEND, NotCompared, difference_note, scopes_unknown_to_issuer
    from mcp_service.issuer.session import IssuerSession
    from shared.operator_commands import runnable

    session = IssuerSession()
    try:
        unknown = await scopes_unknown_to_issuer(session, issuer=issuer, scopes=scopes)
    except NotCompared as exc:
        typer.echo(f"The scopes are not compared: {exc}", err=True)
    else:
        if unknown:
            typer.echo(f"warning: {difference_note(unknown, scopes)}: {' '.join(unknown)}\n{runnable(MEND)}", err=True)
    finally:
        await session.close()


cli.command("scopes", help=scopes.HELP)(scopes.scopes)

if __name__ == "__main__":
    cli()
