"""`serve`: run the authorization server until SIGINT or SIGTERM."""

from __future__ import annotations

import asyncio

import structlog
import typer

from auth_service.commands.app import new_app
from auth_service.commands.console import ExitStatus, fail
from auth_service.settings import AuthSettings
from shared.errors import Misconfigured
from shared.http.place import Place
from shared.loading import undisturbed

app = new_app()


@app.command()
def serve() -> None:
    """Run the service until SIGINT or SIGTERM; requests in flight get AUTH_SHUTDOWN_SECONDS to end.

    With AUTH_PROCESSES above 1, several processes share the port; one that ends is started again.

    Refuses to start, with status 4, when a setting is unknown or unsafe. Starts without the store, and recovers by
    itself: /readyz tells.
    """
    try:
        settings = AuthSettings.from_environment()
        place = Place.from_environment()
        if place is None and settings.processes > 1:
            raise typer.Exit(_serve_together(settings))
        _serve(settings, place)
    except Misconfigured as exc:
        fail(
            f"the settings are wrong\n{exc}",
            hint="python -m auth_service check-config explains each.",
            status=ExitStatus.MISCONFIGURED,
        )
    except OSError as exc:
        fail(f"cannot listen: {exc.strerror or exc}", status=ExitStatus.REFUSED)


def _serve_together(settings: AuthSettings) -> int:
    from shared.http.logs import configure_logs
    from shared.http.process_group import ProcessGroup

    configure_logs(level=settings.log_level, log_format=settings.log_format)
    group = ProcessGroup(
        "auth_service",
        count=settings.processes,
        hosts=settings.host,
        port=settings.port,
        shutdown_seconds=settings.shutdown_seconds,
        log=structlog.get_logger("auth_service"),
    )
    return asyncio.run(group.run())


def _serve(settings: AuthSettings, place: Place | None) -> None:
    with undisturbed():
        import uvloop

        from auth_service.app import build_service
        from shared.http.logs import configure_logs
        from shared.http.serve import serve as serve_http

    configure_logs(
        level=settings.log_level,
        log_format=settings.log_format,
        process=None if place is None else place.number,
    )
    log = structlog.get_logger("auth_service")

    async def run() -> None:
        service = build_service(settings)
        await serve_http(
            service.app,
            hosts=settings.host,
            port=settings.port,
            shutdown_seconds=settings.shutdown_seconds,
            on_ready=lambda: log.info("serving", issuer=settings.issuer, hosts=settings.host, port=settings.port),
            on_stopping=service.on_stopping,
            place=place,
        )

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())
