"""The open streams that only wait for notifications, and the moment at which each ends.

A stream ends when its token expires, is revoked or loses its key (invariant 12), and when the service is about to stop.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aiohttp import web

    from shared.access_tokens.verifier import TokenVerifier, VerifiedToken


class OpenStreams:
    """Ends streams by setting the event of each."""

    def __init__(self, *, verifier: TokenVerifier, clock: Callable[[], float]) -> None:
        """`clock` is seconds since 1970."""
        self._verifier = verifier
        self._clock = clock
        self._open: dict[asyncio.Event, VerifiedToken | None] = {}
        self._closing = False

    @contextmanager
    def opened(self, token: VerifiedToken | None) -> Iterator[asyncio.Event]:
        """Count a stream as open; yield the event that is set when it must end. A public one has no token."""
        ending = asyncio.Event()
        timer = None
        if token is not None:
            timer = asyncio.get_running_loop().call_later(token.claims.expires_at - self._clock(), ending.set)
        # What happened since the request was verified counts as well: its body may have taken long.
        if self._closing or not self._holds(token):
            ending.set()
        self._open[ending] = token
        try:
            yield ending
        finally:
            del self._open[ending]
            if timer is not None:
                timer.cancel()

    def end_refused(self) -> None:
        """End the streams whose token would be refused now. Called after each change of keys and status lists."""
        for ending, token in self._open.items():
            if not self._holds(token):
                ending.set()

    async def close(self, _app: web.Application) -> None:
        """End all streams, which would delay a shutdown."""
        self._closing = True
        for ending in self._open:
            ending.set()

    def _holds(self, token: VerifiedToken | None) -> bool:
        return token is None or self._verifier.holds(token)
