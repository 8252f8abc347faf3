"""The open streams that only wait for notifications, how they begin, and the moment at which each ends.

A stream ends when its token expires, is revoked or loses its key (invariant 12), and when the service is about to stop.
From that moment on nothing more of it is sent. Its connections are closed a few per turn of the event loop, as its
beginning is spread (shared/http/paced_connections.py): calls pass between thousands of them.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

from shared.http.paced_connections import PacedConnection, StreamPace
from shared.http.runner import CONNECTION
from shared.http.stream_heads import stream_heads

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from aiohttp import web

    from shared.access_tokens.verifier import TokenVerifier, VerifiedToken

LISTEN_METHOD: Final = "subscriptions/listen"
"""The method that opens a stream since 2026-07-28; a GET does before."""


class StreamEnding:
    """The end of one stream: it takes effect at once, and the connections are closed in their turn."""

    __slots__ = ("_callbacks", "_ended", "_is_told", "_pace")

    def __init__(self, pace: StreamPace) -> None:
        self._pace = pace
        self._ended = asyncio.Event()
        self._is_told = False
        self._callbacks: list[Callable[[], object]] = []

    def is_set(self) -> bool:
        """Whether nothing more may be sent."""
        return self._ended.is_set()

    def set(self) -> None:
        """End the stream."""
        if not self._ended.is_set():
            self._ended.set()
            self._pace.ends.call(self._tell)

    async def wait(self) -> None:
        """Return as soon as the stream has ended: for a server that cannot ask before each event."""
        await self._ended.wait()

    @contextmanager
    def telling(self, callback: Callable[[], object]) -> Iterator[None]:
        """Within this context, call `callback`, perhaps twice, when this stream is to be closed in its slot."""
        self._callbacks.append(callback)
        if self._is_told:
            self._pace.ends.call(self._tell)
        try:
            yield
        finally:
            self._callbacks.remove(callback)

    def turn(self) -> Awaitable[None]:
        """Wait for this stream's slot in the paced event loop: the same work may be due for thousands of streams."""
        return self._pace.events.turn()

    def in_turn(self, work: Callable[[], None]) -> None:
        """Run work that does not wait in this stream's slot of the paced event loop."""
        self._pace.events.call(work)

    def _tell(self) -> None:
        self._is_told = True
        for callback in tuple(self._callbacks):
            callback()


class OpenStreams:
    """Ends streams by setting the ending of each."""

    def __init__(self, *, verifier: TokenVerifier, clock: Callable[[], float]) -> None:
        """`clock` is seconds since 1970."""
        self._verifier = verifier
        self._clock = clock
        self._pace = StreamPace()
        self._open: dict[StreamEnding, VerifiedToken | None] = {}
        self._closing = False

    def register(self, app: web.Application, *, paths: Sequence[str]) -> None:
        """Pace the streams at these paths of the application, and end all before it stops."""
        heads = stream_heads(paths, marker=LISTEN_METHOD.encode())
        connection: Callable[..., PacedConnection] = partial(PacedConnection, heads=heads, pace=self._pace)
        app[CONNECTION] = connection
        app.on_shutdown.append(self.close)

    @contextmanager
    def opened(self, token: VerifiedToken | None) -> Iterator[StreamEnding]:
        """Count a stream as open; yield the ending that is set when it must end. A public one has no token."""
        ending = StreamEnding(self._pace)
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
