"""Rate limits in this process's memory: they cost microseconds and no round trip, and protect this process."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from shared.rates.gcra import Decision, Rate, decide

if TYPE_CHECKING:
    from collections.abc import Hashable

MAX_KEYS: Final = 100_000
"""About 20 MB. The key that was quiet longest makes room: what is forgotten is an allowance used up long ago."""


class LocalBuckets:
    """One arrival time per key, in a table that is bounded however many addresses a flood comes from."""

    def __init__(self, *, max_keys: int = MAX_KEYS) -> None:
        self._arrivals: OrderedDict[Hashable, int] = OrderedDict()
        self._max_keys = max_keys

    def take(self, key: Hashable, rate: Rate, *, now_ms: int) -> Decision:
        """Take one request from the key's allowance."""
        decision = decide(self._arrivals.get(key), now_ms, rate)
        self._arrivals[key] = decision.arrival_ms
        self._arrivals.move_to_end(key)
        if len(self._arrivals) > self._max_keys:
            self._arrivals.popitem(last=False)
        return decision
