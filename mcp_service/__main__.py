"""The command line of mcp_service."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Annotated, NoReturn

import structlog
import typer

from shared.errors import Misconfigured
from shared.http.place import Place
from shared.loading import undisturbed

with undisturbed():
    from mcp_service.settings import McpSettings
    from shared.http.logs import configure_logs

if TYPE_CHECKING:
    from aiohttp import web

cli = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)


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

    With MCP_PROCESSES above 1, several processes share the port; one that ends is started again.
    """
    settings = _settings()
    place = Place.from_environment()
    try:
        if place is None and settings.processes > 1:
            raise typer.Exit(_serve_together(settings))
        _serve(settings, place)
    except Misconfigured as exc:
        _refuse(exc)
    except OSError as exc:
        _refuse(f"cannot listen: {exc.strerror or exc}")


def _serve_together(settings: McpSettings) -> int:
    from shared.http.process_group import ProcessGroup

    configure_logs(level=settings.log_level, log_format=settings.log_format)
    group = ProcessGroup(
        "mcp_service",
        count=settings.processes,
        hosts=settings.host,
        port=settings.port,
        shutdown_seconds=settings.shutdown_seconds,
        log=structlog.get_logger("mcp_service"),
    )
    return asyncio.run(group.run())


def _serve(settings: McpSettings, place: Place | None) -> None:
    with undisturbed():
        import uvloop

        from mcp_service.app import ENDPOINT, build_app
        from shared.http.serve import serve as serve_app

    configure_logs(
        level=settings.log_level,
        log_format=settings.log_format,
        process=None if place is None else place.number,
    )

    async def run() -> None:
        app = build_app(settings)
        await serve_app(
            app,
            hosts=settings.host,
            port=settings.port,
            shutdown_seconds=settings.shutdown_seconds,
            on_stopping=app[ENDPOINT].close_streams,
            place=place,
        )

    uvloop.run(run())


@cli.command("check-config")
def check_config(
    *,
    print_resource: Annotated[
        bool, typer.Option(help="Print the entry for AUTH_RESOURCES that matches this server's scope map.")
    ] = False,
) -> None:
    """Say whether the settings, the server and its scope map are sound, and start nothing."""
    with undisturbed():
        from mcp_service.app import METADATA, SCOPES, build_app
        from mcp_service.metadata import authorization_server_entry

    settings = _settings()
    # What is printed may be read by a program: nothing but errors beside it, and those on standard error.
    configure_logs(level="error", log_format=settings.log_format)

    async def build() -> web.Application:
        return build_app(settings)

    try:
        app = asyncio.run(build())
    except Misconfigured as exc:
        _refuse(exc)
    if print_resource:
        typer.echo(json.dumps([authorization_server_entry(app[METADATA], app[SCOPES])], indent=2))
    else:
        typer.echo("ok")


if __name__ == "__main__":
    cli()
