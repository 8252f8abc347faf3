"""Requests that change something are carried to their end, although the caller has left.

aiohttp cancels the handler of a caller who left: right for streams and for long waits, wrong in the middle of a
change. A thief who closes the connection before the answer would keep the theft out of the audit log, and a grant
would be made that nothing tells of.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

_CHANGING: Final = frozenset({"POST", "PUT", "DELETE"})


class MutationShield:
    """Make one per application; its middleware stands outside everything that logs."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    @property
    def middleware(self) -> Middleware:
        """Shields the requests that change something."""

        @web.middleware
        async def carry(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.method not in _CHANGING:
                return await handler(request)
            task = asyncio.ensure_future(handler(request))
            self._running.add(task)
            task.add_done_callback(self._ended)
            return await asyncio.shield(task)

        return carry

    async def finish(self, *, seconds: float) -> None:
        """Wait for what still runs without a caller, for so long at most: before the rooms it needs are closed."""
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # logged by the envelope; here it is only taken note of
