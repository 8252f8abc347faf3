"""The command line of mcp_service."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, NoReturn

import typer
import uvloop

from mcp_service.app import build_app, declared_scopes
from mcp_service.settings import McpSettings
from shared.errors import Misconfigured
from shared.http.logs import configure_logs
from shared.http.serve import serve as serve_app

cli = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)


def _settings() -> McpSettings:
    try:
        return McpSettings.from_environment()
    except Misconfigured as exc:
        _refuse(exc)


def _refuse(exc: Misconfigured) -> NoReturn:
    typer.echo(f"mcp_service does not start:\n{exc}", err=True)
    raise typer.Exit(2) from exc


@cli.command()
def serve() -> None:
    """Serve until told to stop (SIGINT or SIGTERM)."""
    settings = _settings()
    configure_logs(level=settings.log_level, log_format=settings.log_format)

    async def run() -> None:
        await serve_app(
            build_app(settings),
            hosts=settings.host,
            port=settings.port,
            shutdown_seconds=settings.shutdown_seconds,
        )

    try:
        uvloop.run(run())
    except Misconfigured as exc:
        _refuse(exc)


@cli.command("check-config")
def check_config(
    *,
    print_resource: Annotated[
        bool, typer.Option(help="Print the entry for AUTH_RESOURCES that matches this server's scope map.")
    ] = False,
) -> None:
    """Say whether the settings, the server and its scope map are sound, and start nothing."""
    settings = _settings()

    async def build() -> None:
        build_app(settings)

    try:
        asyncio.run(build())
        declared = declared_scopes(settings)
    except Misconfigured as exc:
        _refuse(exc)
    if print_resource:
        entry = {
            "identifier": settings.resource,
            "name": settings.resource_name,
            "scopes": {name: d.model_dump() for name, d in declared.scopes.items()},
            "default_scopes": list(declared.default),
        }
        typer.echo(json.dumps([entry], indent=2))
    else:
        typer.echo("ok")


if __name__ == "__main__":
    cli()
