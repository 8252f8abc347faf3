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

from mcp_service.issuer.refresh_state import RefreshPolicy, RefreshState, UnknownName, doubled

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


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheState(RefreshState):
    """When the set was last confirmed, None before the first time, and for how long it is fresh then."""

    confirmed_at: float | None = None
    max_age: float = DEFAULT_MAX_AGE


def phase_of(state: CacheState, policy: RefreshPolicy, now: float) -> Phase:
    """The phase at this moment."""
    if state.confirmed_at is None:
        return Phase.EMPTY
    if now >= trusted_until(state, policy):
        return Phase.EXPIRED
    if state.failures:
        return Phase.UNREACHABLE
    return Phase.FRESH if now < state.confirmed_at + state.max_age else Phase.STALE


def trusted_until(state: CacheState, policy: RefreshPolicy) -> float:
    """The time at which the set expires unless it is confirmed again."""
    if state.confirmed_at is None:
        return float("-inf")
    return state.confirmed_at + state.max_age + policy.max_stale


def confirmed(state: CacheState, now: float, max_age: float | None) -> CacheState:
    """The state after a good document or a 304. `max_age` is the lifetime that the response gave, if any."""
    bounded = DEFAULT_MAX_AGE if max_age is None else min(max(max_age, MIN_MAX_AGE), MAX_MAX_AGE)
    return replace(state, confirmed_at=now, max_age=bounded, failures=0)


def next_attempt_at(state: CacheState) -> float:
    """The time of the next background refresh: at once, when the set becomes stale, or after a backoff."""
    if state.failures:
        return state.failed_at + doubled(MIN_RETRY, state.failures - 1, longest=MAX_RETRY)
    if state.confirmed_at is None:
        return float("-inf")
    return state.confirmed_at + state.max_age


def on_unknown_kid(state: CacheState, policy: RefreshPolicy, now: float, refused_at: float | None) -> UnknownName:
    """The handling of an unknown kid; `refused_at` is when this kid was last refused, if remembered."""
    if phase_of(state, policy, now) not in TRUSTED:
        return UnknownName.CANNOT_KNOW
    return state.on_unknown(policy, now, refused_at, is_answered=not state.failures)
