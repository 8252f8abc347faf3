"""Names that the issuer did not know when it was last asked: a bounded negative cache."""

from __future__ import annotations

from typing import Final

MAX_NAMES: Final = 1024


class RecentlyUnknown:
    """When each name was refused, in seconds of a monotonic clock; the oldest are forgotten first."""

    def __init__(self) -> None:
        self._refused_at: dict[str, float] = {}

    def refused_at(self, unverified_name: str) -> float | None:
        """When the name was last refused, if that is remembered."""
        return self._refused_at.get(unverified_name)

    @property
    def latest_at(self) -> float:
        """When a name was last refused; minus infinity if none is remembered."""
        return max(self._refused_at.values(), default=float("-inf"))

    def forget(self, name: str) -> None:
        """The issuer knows the name."""
        self._refused_at.pop(name, None)

    def remember(self, unverified_name: str, now: float) -> None:
        """The issuer does not know the name."""
        while len(self._refused_at) >= MAX_NAMES:
            del self._refused_at[next(iter(self._refused_at))]
        self._refused_at[unverified_name] = now
