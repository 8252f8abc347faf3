"""`serve`: run the authorization server until SIGINT or SIGTERM."""

from __future__ import annotations

import asyncio

import structlog

from auth_service.commands.app import new_app
from auth_service.commands.console import ExitStatus, fail, settings_hint
from auth_service.data_format import UnreadableData
from auth_service.settings import AuthSettings
from shared.errors import Misconfigured
from shared.garbage_collection import garbage_collection_paused

app = new_app()


@app.command()
def serve() -> None:
    """Run the service until SIGINT or SIGTERM; at a signal /readyz turns 503 for AUTH_DRAIN_SECONDS.

    Then requests in flight get AUTH_SHUTDOWN_SECONDS to end.

    Exits with status 4 if a setting is unknown or unsafe. Starts while Redis is unavailable, and recovers: see /readyz.
    """
    try:
        settings = AuthSettings.from_environment()
        _serve(settings)
    except Misconfigured as exc:
        fail(
            f"the settings are wrong\n{exc}",
            hint=settings_hint(),
            status=ExitStatus.MISCONFIGURED,
        )
    except UnreadableData as exc:
        fail(str(exc), hint="docs/operations.md explains the format of the data.", status=ExitStatus.MISCONFIGURED)
    except OSError as exc:
        fail(f"cannot listen: {exc.strerror or exc}", status=ExitStatus.FAILED)


def _serve(settings: AuthSettings) -> None:
    with garbage_collection_paused():
        import uvloop
        from prometheus_client import CollectorRegistry

        from auth_service.app import build_app
        from shared.http.serve import serve as serve_http
        from shared.logs.configuration import service_logs

    registry = CollectorRegistry()
    log = structlog.get_logger("auth_service")

    async def run() -> None:
        await serve_http(
            build_app(settings, registry=registry),
            hosts=settings.host,
            port=settings.port,
            reuse_port=settings.reuse_port,
            drain_seconds=settings.drain_seconds,
            shutdown_seconds=settings.shutdown_seconds,
            on_ready=lambda: log.info("serving", issuer=settings.issuer, hosts=settings.host, port=settings.port),
        )

    with (
        service_logs(level=settings.log_level, log_format=settings.log_format, registry=registry),
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(run())
