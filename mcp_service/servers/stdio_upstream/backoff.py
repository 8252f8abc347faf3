"""The pauses before a process that failed is started again. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

FIRST_SECONDS: Final = 1.0
LONGEST_SECONDS: Final = 30.0
FORGOTTEN_SECONDS: Final = 60.0
"""A process that runs so long, or fails no more for so long, starts anew at the first pause."""
MAX_KEYS: Final = 10_000


class Backoff:
    """Pauses that double with each failure of the same key."""

    def __init__(self) -> None:
        self._failures: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        """The time of the last failure and the pause after it."""

    def failed(self, key: Hashable, now: float) -> float:
        """Record a failure; the seconds until the next start."""
        at, pause = self._failures.pop(key, (now, 0.0))
        is_recent = now < at + pause + FORGOTTEN_SECONDS
        pause = min(2 * pause, LONGEST_SECONDS) if pause and is_recent else FIRST_SECONDS
        self._failures[key] = (now, pause)
        if len(self._failures) > MAX_KEYS:
            self._failures.popitem(last=False)
        return pause

    def remaining(self, key: Hashable, now: float) -> float:
        """Seconds until this key may be started; 0 now."""
        at, pause = self._failures.get(key, (now, 0.0))
        return max(0.0, at + pause - now)

    def has_failed(self, key: Hashable, now: float) -> bool:
        """Whether the key has failed and its last failure still counts."""
        at, pause = self._failures.get(key, (now, 0.0))
        return pause > 0 and now < at + pause + FORGOTTEN_SECONDS
