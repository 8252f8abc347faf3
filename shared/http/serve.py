"""Start an application on its addresses, and stop it gracefully."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Final

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_HEADER_BYTES: Final = 16_384


async def serve(
    app: web.Application,
    *,
    hosts: Sequence[str],
    port: int,
    shutdown_seconds: float,
    on_ready: Callable[[], None] | None = None,
    on_stopping: Callable[[], None] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM, then let requests in flight end within `shutdown_seconds`.

    `on_stopping` is called first, so that long-polls and streams can be told to end.
    """
    runner = web.AppRunner(
        app,
        access_log=None,
        handler_cancellation=True,
        max_field_size=MAX_HEADER_BYTES,
        max_line_size=MAX_HEADER_BYTES,
        shutdown_timeout=shutdown_seconds,
    )
    await runner.setup()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        for host in hosts:
            await web.TCPSite(runner, host, port, reuse_port=False).start()
        if on_ready is not None:
            on_ready()
        await stop.wait()
        if on_stopping is not None:
            on_stopping()
    finally:
        await runner.cleanup()
