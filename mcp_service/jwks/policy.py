"""The state machine of the JWKS cache: its phase at a clock reading, the next refresh, the effect of an unknown kid.

Pure: every function takes `now` (seconds of a monotonic clock) and returns a value. The I/O is in cache.py.

    EMPTY --confirmed--> FRESH --time--> STALE --confirmed--> FRESH
                           |               |
                           +----failed-----+--> UNREACHABLE --confirmed--> FRESH
                                                     |
                                                     +--max_stale passes--> EXPIRED --confirmed--> FRESH

FRESH, STALE and UNREACHABLE (stale-if-error, RFC 5861) are trusted; in EMPTY and EXPIRED every response is 503
(invariant 8). A failure never removes a set, and a bad document is a failure like any other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

DEFAULT_MAX_AGE: Final = 300.0
MIN_MAX_AGE: Final = 5.0
MAX_MAX_AGE: Final = 3600.0
MIN_RETRY: Final = 1.0
MAX_RETRY: Final = 15.0


class Phase(StrEnum):
    """The state of the keys at one moment."""

    EMPTY = "empty"
    FRESH = "fresh"
    STALE = "stale"
    UNREACHABLE = "unreachable"
    EXPIRED = "expired"


TRUSTED: Final = frozenset({Phase.FRESH, Phase.STALE, Phase.UNREACHABLE})


class UnknownKid(StrEnum):
    """The handling of a kid that is not in the set."""

    REFRESH = "refresh"  # one request to the issuer, shared by all callers
    REFUSE = "refuse"  # the set was refreshed so recently that the kid is unknown: 401
    CANNOT_KNOW = "cannot_know"  # the issuer cannot be reached: 503, never 401 (invariant 8)


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """Durations in seconds."""

    max_stale: float
    cooldown: float
    unknown_remembered: float = 60.0


@dataclass(frozen=True, slots=True)
class CacheState:
    """Readings of the monotonic clock, and the consecutive failures since the last confirmation."""

    confirmed_at: float | None = None
    max_age: float = DEFAULT_MAX_AGE
    failures: int = 0
    failed_at: float = 0.0
    unknown_kid_refresh_at: float | None = None


def phase_of(state: CacheState, policy: CachePolicy, now: float) -> Phase:
    """The phase at this moment."""
    if state.confirmed_at is None:
        return Phase.EMPTY
    if now >= trusted_until(state, policy):
        return Phase.EXPIRED
    if state.failures:
        return Phase.UNREACHABLE
    return Phase.FRESH if now < state.confirmed_at + state.max_age else Phase.STALE


def trusted_until(state: CacheState, policy: CachePolicy) -> float:
    """When the set expires unless it is confirmed again."""
    if state.confirmed_at is None:
        return float("-inf")
    return state.confirmed_at + state.max_age + policy.max_stale


def confirmed(state: CacheState, now: float, max_age: float | None) -> CacheState:
    """After a good document or a 304. `max_age` is the lifetime that the response gave, if any."""
    bounded = DEFAULT_MAX_AGE if max_age is None else min(max(max_age, MIN_MAX_AGE), MAX_MAX_AGE)
    return replace(state, confirmed_at=now, max_age=bounded, failures=0)


def failed(state: CacheState, now: float) -> CacheState:
    """After a failed request or a bad document."""
    return replace(state, failures=state.failures + 1, failed_at=now)


def refreshed_for_unknown_kid(state: CacheState, now: float) -> CacheState:
    """After a refresh for an unknown kid: the cooldown begins, whether it succeeded or failed."""
    return replace(state, unknown_kid_refresh_at=now)


def next_attempt_at(state: CacheState) -> float:
    """When the next background refresh is due: at once, when the set becomes stale, or after a backoff."""
    if state.failures:
        # The exponent is bounded as well: after a long outage the power would overflow.
        return state.failed_at + min(MIN_RETRY * 2.0 ** min(state.failures - 1, 10), MAX_RETRY)
    if state.confirmed_at is None:
        return float("-inf")
    return state.confirmed_at + state.max_age


def on_unknown_kid(state: CacheState, policy: CachePolicy, now: float, refused_at: float | None) -> UnknownKid:
    """The handling of an unknown kid; `refused_at` is when this kid was last refused, if remembered."""
    if phase_of(state, policy, now) not in TRUSTED:
        return UnknownKid.CANNOT_KNOW
    if refused_at is not None and now < refused_at + policy.unknown_remembered:
        return UnknownKid.REFUSE
    if state.unknown_kid_refresh_at is not None and now < state.unknown_kid_refresh_at + policy.cooldown:
        return UnknownKid.CANNOT_KNOW if state.failures else UnknownKid.REFUSE
    return UnknownKid.REFRESH
