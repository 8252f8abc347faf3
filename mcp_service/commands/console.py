"""Shared by the commands: reading the settings, building the service without a start, the exit for wrong settings."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NoReturn

import typer

from mcp_service.settings import McpSettings
from shared.errors import Misconfigured
from shared.garbage_collection import garbage_collection_paused
from shared.logs.configuration import configure_command_logs

if TYPE_CHECKING:
    from aiohttp import web


def read_settings() -> McpSettings:
    """The settings of the environment. Exits with status 2 if they are wrong."""
    try:
        return McpSettings.from_environment()
    except Misconfigured as exc:
        refuse(exc)


def checked_app(settings: McpSettings) -> web.Application:
    """The service, which is not started. Exits with status 2 for a fault of the settings or of the server."""
    with garbage_collection_paused():
        from mcp_service.app import build_app

    # A program may read the output: errors go to standard error, and nothing else is logged.
    configure_command_logs(level="error", log_format=settings.log_format)

    async def build() -> web.Application:
        return build_app(settings)

    try:
        return asyncio.run(build())
    except Misconfigured as exc:
        refuse(exc)


def refuse(reason: Misconfigured | str) -> NoReturn:
    """Print why the service does not start, and exit with status 2."""
    typer.echo(f"mcp_service does not start:\n{reason}", err=True)
    raise typer.Exit(2)
