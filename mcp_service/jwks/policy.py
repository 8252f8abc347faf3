"""The state of the key cache as a small machine: what a clock reading means, and what an unknown kid may cause.

Pure: every function takes `now` (seconds of a monotonic clock) and returns a value. The I/O is in jwks_cache.py.

    EMPTY --confirmed--> FRESH --time--> STALE --confirmed--> FRESH
                           |               |
                           +----failed-----+--> AWAY --confirmed--> FRESH
                                                 |
                                                 +--max_stale passes--> EXPIRED --confirmed--> FRESH

FRESH, STALE and AWAY are trusted; in EMPTY and EXPIRED every answer is 503 (invariant 8). A failure never makes a
set disappear, and a bad document is a failure like any other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

DEFAULT_MAX_AGE: Final = 300.0
LEAST_MAX_AGE: Final = 5.0
GREATEST_MAX_AGE: Final = 3600.0
FIRST_RETRY: Final = 1.0
LAST_RETRY: Final = 15.0


class Phase(StrEnum):
    """What the cache can say of its keys at one moment."""

    EMPTY = "empty"
    FRESH = "fresh"
    STALE = "stale"
    AWAY = "away"
    EXPIRED = "expired"


TRUSTED: Final = frozenset({Phase.FRESH, Phase.STALE, Phase.AWAY})


class UnknownKid(StrEnum):
    """What to do about a kid that is not in the set."""

    REFRESH = "refresh"  # ask the issuer, once for everybody who waits
    REFUSE = "refuse"  # the issuer was asked so recently that the kid is simply unknown: 401
    CANNOT_KNOW = "cannot_know"  # the issuer does not answer: 503, never 401 (invariant 8)


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
    asked_for_unknown_at: float | None = None


def phase_of(state: CacheState, policy: CachePolicy, now: float) -> Phase:
    """The phase at this moment."""
    if state.confirmed_at is None:
        return Phase.EMPTY
    if now >= trusted_until(state, policy):
        return Phase.EXPIRED
    if state.failures:
        return Phase.AWAY
    return Phase.FRESH if now < state.confirmed_at + state.max_age else Phase.STALE


def trusted_until(state: CacheState, policy: CachePolicy) -> float:
    """When the set stops being trusted if nobody confirms it any more."""
    if state.confirmed_at is None:
        return float("-inf")
    return state.confirmed_at + state.max_age + policy.max_stale


def confirmed(state: CacheState, now: float, max_age: float | None) -> CacheState:
    """The issuer gave a good document or said that ours is still right. `max_age` is what it asked for, if anything."""
    bounded = DEFAULT_MAX_AGE if max_age is None else min(max(max_age, LEAST_MAX_AGE), GREATEST_MAX_AGE)
    return replace(state, confirmed_at=now, max_age=bounded, failures=0)


def failed(state: CacheState, now: float) -> CacheState:
    """The issuer was unreachable, or what it said was no good."""
    return replace(state, failures=state.failures + 1, failed_at=now)


def asked_for_unknown(state: CacheState, now: float) -> CacheState:
    """A refresh caused by an unknown kid has ended: the cooldown begins, whether it succeeded or failed."""
    return replace(state, asked_for_unknown_at=now)


def next_attempt_at(state: CacheState) -> float:
    """When the background refresh is due: at once, when the set becomes stale, or after a growing pause."""
    if state.failures:
        # The exponent is bounded too: after a long outage two to its power would be no float any more.
        return state.failed_at + min(FIRST_RETRY * 2.0 ** min(state.failures - 1, 10), LAST_RETRY)
    if state.confirmed_at is None:
        return float("-inf")
    return state.confirmed_at + state.max_age


def on_unknown_kid(state: CacheState, policy: CachePolicy, now: float, refused_at: float | None) -> UnknownKid:
    """What an unknown kid may cause; `refused_at` is when this very kid was last found unknown, if remembered."""
    if phase_of(state, policy, now) not in TRUSTED:
        return UnknownKid.CANNOT_KNOW
    if refused_at is not None and now < refused_at + policy.unknown_remembered:
        return UnknownKid.REFUSE
    if state.asked_for_unknown_at is not None and now < state.asked_for_unknown_at + policy.cooldown:
        return UnknownKid.CANNOT_KNOW if state.failures else UnknownKid.REFUSE
    return UnknownKid.REFRESH
