"""Refreshes of what the issuer publishes: failures in a row, pauses, and names that are not held.

Pure, but for RecentlyUnknown: functions take `now`, seconds of a monotonic clock, and return a value.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from typing import Self

MAX_NAMES: Final = 1024


class UnknownName(StrEnum):
    """The handling of a name that is not held: a kid or the address of a status list."""

    REFRESH = "refresh"  # one request to the issuer, shared by all callers
    REFUSE = "refuse"  # the issuer was asked so recently that it does not have the name: 401
    CANNOT_KNOW = "cannot_know"  # the issuer cannot be asked: 503, never 401 (invariant 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshPolicy:
    """Durations in seconds."""

    max_stale: float
    """How long what could not be refreshed is trusted."""
    cooldown: float
    """Between two refreshes for unknown names."""
    unknown_remembered: float = 60.0
    """How long a name that the issuer does not know is refused without another refresh."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshState:
    """The consecutive failures since the last success, and the last refresh for an unknown name."""

    failures: int = 0
    failed_at: float = 0.0
    unknown_refresh_at: float | None = None

    def after_failure(self, now: float) -> Self:
        """The state after a failed request or a bad document."""
        return replace(self, failures=self.failures + 1, failed_at=now)

    def after_unknown(self, now: float) -> Self:
        """The state after a refresh for an unknown name: the cooldown begins, whether it succeeded or failed."""
        return replace(self, unknown_refresh_at=now)

    def on_unknown(
        self, policy: RefreshPolicy, now: float, refused_at: float | None, *, is_answered: bool
    ) -> UnknownName:
        """The handling of a name that was last refused at `refused_at`, if that is remembered.

        `is_answered` is whether the last refresh told what the issuer has.
        """
        if refused_at is not None and now < refused_at + policy.unknown_remembered:
            return UnknownName.REFUSE
        if self.unknown_refresh_at is not None and now < self.unknown_refresh_at + policy.cooldown:
            return UnknownName.REFUSE if is_answered else UnknownName.CANNOT_KNOW
        return UnknownName.REFRESH


def doubled(seconds: float, times: int, *, longest: float) -> float:
    """A pause of `seconds`, doubled some times, at most `longest`."""
    # The exponent is bounded as well: after a long outage the power would overflow.
    return min(seconds * 2.0 ** min(times, 10), longest)


class RecentlyUnknown:
    """Remembers when each name was refused: a bounded negative cache, which forgets the oldest names first."""

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
        """Forget the refusal of a name that the issuer knows by now."""
        self._refused_at.pop(name, None)

    def remember(self, unverified_name: str, now: float) -> None:
        """Remember a name that the issuer does not know."""
        while len(self._refused_at) >= MAX_NAMES:
            del self._refused_at[next(iter(self._refused_at))]
        self._refused_at[unverified_name] = now
