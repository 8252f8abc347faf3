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
    from collections.abc import Iterable

STARTS_PER_TURN: Final = 1
"""Most of what a stream costs is done in later turns, each of which then has about one of every step."""

ENDS_PER_TURN: Final = 2
"""Each of them has a connection to a server behind it, or a task, to end as well."""

EVENTS_PER_TURN: Final = 8
"""Of the streams together that only wait for notifications."""


_MARKED_BYTES: Final = 4096
"""A head, and the beginning of a body."""

_HELD_BYTES: Final = 16_384
"""What is longer is not held back, but parsed at once: nobody's bytes wait here in any number."""


class StreamPace:
    """The limits of one process."""

    def __init__(self) -> None:
        self.starts = TurnLimiter(STARTS_PER_TURN)
        self.ends = TurnLimiter(ENDS_PER_TURN)
        self.events = TurnLimiter(EVENTS_PER_TURN)


class StreamHeads:
    """Recognises the first bytes of a request that begins a stream."""

    def __init__(self, paths: Iterable[str], *, marker: bytes) -> None:
        """It is a GET of one of these paths, or it has `marker` in its first bytes."""
        self._beginnings = tuple(f"GET {path}{end}".encode() for path in paths for end in " ?")
        self._marker = marker

    def match(self, data: bytes) -> bool:
        """Whether these bytes, which a client has sent, begin a stream."""
        return data.startswith(self._beginnings) or data.find(self._marker, 0, _MARKED_BYTES) >= 0


class PacedConnection(Connection):
    """A connection that waits for its turn when it begins a stream, and when it has ended."""

    __slots__ = ("_heads", "_held", "_pace")

    def __init__(self, *arguments: Any, heads: StreamHeads, pace: StreamPace, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._heads = heads
        self._pace = pace
        self._held: bytes | None = None

    @property
    def waiting_since(self) -> float | None:
        """As of any connection; what is held is a request to be answered."""
        return super().waiting_since if self._held is None else None

    def data_received(self, data: bytes) -> None:
        """Hold back what begins a stream while others begin. Nothing more is read meanwhile."""
        if self._held is not None:
            # One read may have been on its way when reading was paused.
            self._held += data
        elif len(data) <= _HELD_BYTES and self._heads.match(data):
            self._held = data
            self._pace.starts.call(self._release)
            self._pause_if_held()
        else:
            super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget what is held, and end when it is the turn of this connection. Nothing can be written to it before."""
        self._held = None
        self._pace.ends.call(partial(super().connection_lost, exc))

    def _pause_if_held(self) -> None:
        if self._held is not None and self._socket is not None:
            self._socket.pause_reading()

    def _release(self) -> None:
        held, self._held = self._held, None
        if held is None or self._socket is None or self._socket.is_closing():
            return
        self._socket.resume_reading()
        super().data_received(held)
