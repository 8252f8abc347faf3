"""Start an application on its addresses, and stop it gracefully."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Final

from aiohttp import web

from shared.http.doors import Doors
from shared.http.place import LOOPBACK, Place, joined_to_parent
from shared.http.siblings import answer_for_all
from shared.http.tracing import tracing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

MAX_HEADER_BYTES: Final = 16_384
KNOCKED_SECONDS: Final = 0.4
"""How long somebody who has just been told that this process is alive may take to come in."""
ARRIVING_SECONDS: Final = 0.2
"""How long a request may still be on its way over a connection that was let in."""


async def serve(
    app: web.Application,
    *,
    hosts: Sequence[str],
    port: int,
    shutdown_seconds: float,
    on_ready: Callable[[], None] | None = None,
    on_stopping: Callable[[], None] | None = None,
    place: Place | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM, then let requests in flight end within `shutdown_seconds`.

    With a `place` the port is shared with other processes, and the end of the parent is a reason to stop as well.

    `on_stopping` is called first, so that long-polls and streams can be told to end. From then on each answer closes
    its connection, and whoever asks `/livez` is cut off: a gateway that looks for a replica takes another one. A
    moment later nobody new is let in. So no call is lost, neither one that is being answered nor one on its way.
    """
    draining = False

    @web.middleware
    async def turn_away(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if draining and request.path == "/livez" and request.transport is not None:
            request.transport.abort()
        return await handler(request)

    async def say_goodbye(_request: web.Request, response: web.StreamResponse) -> None:
        if draining:
            response.force_close()
            response.headers["Connection"] = "close"

    if place is not None:
        app.middlewares.insert(0, answer_for_all(place))
    app.middlewares.insert(0, tracing())
    app.middlewares.append(turn_away)
    app.on_response_prepare.append(say_goodbye)
    runner = web.AppRunner(
        app,
        access_log=None,
        handler_cancellation=True,
        max_field_size=MAX_HEADER_BYTES,
        max_line_size=MAX_HEADER_BYTES,
        shutdown_timeout=shutdown_seconds,
    )
    await runner.setup()
    if runner.server is None:
        raise AssertionError("setup() has made no server")
    doors = Doors(runner.server)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        with joined_to_parent(place, on_parents_end=stop.set) as tell_up:
            await doors.open(_addresses(hosts, port, place), shared=place is not None)
            if on_ready is not None:
                on_ready()
            tell_up()
            await stop.wait()
        if on_stopping is not None:
            on_stopping()
        draining = True
        await asyncio.sleep(KNOCKED_SECONDS)
        await doors.close()
        await asyncio.sleep(ARRIVING_SECONDS)
    finally:
        doors.close_at_once()
        await runner.cleanup()


def _addresses(hosts: Sequence[str], port: int, place: Place | None) -> list[tuple[str, int]]:
    if place is None:
        return [(host, port) for host in hosts]
    return [*((host, place.port) for host in hosts), (LOOPBACK, place.inside_port)]
