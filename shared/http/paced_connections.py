"""Begins streams, and ends connections, a few per turn of the event loop: calls pass between them.

To begin a stream costs more than a call does, to end one as much. When thousands do so in one moment, calls would wait
for all of them (docs/benchmarks.md, "Pauses"). What begins a stream is recognised by its bytes, because to parse two
thousand heads is such a pause already. It is no check of any kind: a request that is not recognised is not delayed, one
that is taken for a stream by mistake is answered like any other, later.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from shared.http.server import Connection
from shared.turn_limiter import TurnLimiter

if TYPE_CHECKING:
    from shared.http.stream_heads import StreamHeads

STARTS_PER_TURN: Final = 1
"""Most of what a stream costs is done in later turns, each of which then has about one of every step."""

ENDS_PER_TURN: Final = 2
"""Each of them has a connection to a server behind it, or a task, to end as well."""

EVENTS_PER_TURN: Final = 8
"""The events of all streams together that only wait for notifications."""

_HELD_BYTES: Final = 16_384
"""Longer data is not held back, but parsed at once: this is all that may wait here for one connection."""


class StreamPace:
    """The limits of one process."""

    def __init__(self) -> None:
        self.starts = TurnLimiter(STARTS_PER_TURN)
        self.ends = TurnLimiter(ENDS_PER_TURN)
        self.events = TurnLimiter(EVENTS_PER_TURN)


class PacedConnection(Connection):
    """A connection that waits for its turn when it begins a stream, and when it has ended."""

    __slots__ = ("_had_its_turn", "_heads", "_pace")

    def __init__(self, *arguments: Any, heads: StreamHeads, pace: StreamPace, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._heads = self._stream_heads = heads
        self._pace = pace
        self._had_its_turn = False

    @property
    def waiting_since(self) -> float | None:
        """As for any connection; bytes that are held back count as a complete request."""
        return super().waiting_since if self._held is None else None

    def eof_received(self) -> bool:  # type: ignore[override]  # aiohttp says None: close at once
        """Close when it is the turn of this connection: to close a thousand sockets is a pause already."""
        self._held = None
        self._pace.ends.call(self._end_in_turn)
        return True

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget what is held, and end when it is the turn of this connection. Nothing can be written to it before."""
        self._held = None
        if self._had_its_turn:
            super().connection_lost(exc)
        else:
            self._pace.ends.call(partial(super().connection_lost, exc))

    def _hold(self, data: bytes) -> None:
        """Hold back what begins a stream while others begin. Nothing more is read meanwhile."""
        if self._held is not None:
            # One read may have been on its way when reading was paused.
            self._held += data
        elif len(data) > _HELD_BYTES:
            self._parse(data)
        else:
            self._held = data
            self._pace.starts.call(self._release)
            self._pause_if_held()

    def _end_in_turn(self) -> None:
        if self._socket is not None:
            self._had_its_turn = True
            self._socket.close()

    def _pause_if_held(self) -> None:
        if self._held is not None and self._socket is not None:
            self._socket.pause_reading()

    def _release(self) -> None:
        held, self._held = self._held, None
        if held is None or self._socket is None or self._socket.is_closing():
            return
        self._socket.resume_reading()
        self._parse(held)

    def _parse(self, data: bytes) -> None:
        """Parse bytes that were held back, like any others."""
        self._stream_heads = None
        try:
            self.data_received(data)
        finally:
            self._stream_heads = self._heads
