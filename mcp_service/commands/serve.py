"""`serve`: run the guard until SIGINT or SIGTERM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_service.commands.console import read_settings, refuse
from shared.errors import Misconfigured
from shared.garbage_collection import garbage_collection_paused
from shared.logs.configuration import service_logs

if TYPE_CHECKING:
    from mcp_service.settings import McpSettings


def serve() -> None:
    """Serve until told to stop (SIGINT or SIGTERM).

    At a signal `/readyz` turns 503 for MCP_DRAIN_SECONDS; then requests in flight get MCP_SHUTDOWN_SECONDS to end.
    """
    settings = read_settings()
    try:
        _serve(settings)
    except Misconfigured as exc:
        refuse(exc)
    except OSError as exc:
        refuse(f"cannot listen: {exc.strerror or exc}")


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
