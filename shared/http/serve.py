"""Start an application on its addresses, and shut it down gracefully."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
from typing import TYPE_CHECKING, Final

import structlog
from aiohttp import web

from shared.garbage_collection import limit_collections
from shared.http.health import DRAINING
from shared.http.runner import ServiceRunner
from shared.logs.configuration import log_event_loop_exception

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shared.http.connections import ConnectionTable

_BACKLOG: Final = 1024
"""Connections that wait to be accepted; the kernel has a bound of its own (net.core.somaxconn)."""


async def serve(
    app: web.Application,
    *,
    hosts: Sequence[str],
    port: int,
    reuse_port: bool = False,
    drain_seconds: float,
    shutdown_seconds: float,
    on_ready: Callable[[], None] | None = None,
) -> None:
    """Serve a `checked_application` until SIGINT or SIGTERM, then shut down gracefully. Raises OSError for an address.

    1. Drain: `/readyz` answers 503 and each answer closes its connection, but requests are still accepted for
       `drain_seconds`, so that load balancers notice. A second signal skips the rest of the drain.
    2. The listening sockets are closed. Then `app.on_shutdown` ends long polls and streams, whose clients connect
       again to another replica.
    3. Requests in flight finish within `shutdown_seconds`; then they are cancelled.

    `reuse_port` sets SO_REUSEPORT, so that several processes can share the port.
    """
    # Without the runner's own signal handlers: they would end the loop at once, and with status 1.
    runner = ServiceRunner(app, shutdown_timeout=shutdown_seconds)
    await runner.setup()
    _limit_connections(runner.connections)
    limit_collections()
    signals = asyncio.Semaphore(0)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(log_event_loop_exception)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, signals.release)
    try:
        for host in hosts:
            await web.TCPSite(runner, host, port, reuse_port=reuse_port or None, backlog=_BACKLOG).start()
        if on_ready is not None:
            on_ready()
        await signals.acquire()
        app[DRAINING].set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(signals.acquire(), drain_seconds)
    finally:
        await runner.cleanup()


def _limit_connections(connections: ConnectionTable) -> None:
    """Raise the limit of file descriptors as far as it goes, and accept no more connections than it allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY:
        connections.limit_to(hard)
    structlog.get_logger("http").info(
        "connection_limits",
        file_descriptors=hard,
        max_connections=connections.max_connections,
        max_connections_per_network=connections.max_per_network,
    )
