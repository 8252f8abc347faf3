"""When the feed or a list is asked for next, and the effect of a list that is not held.

Pure: every function takes `now` (seconds of a monotonic clock) and returns a value. The I/O is in feed_cache.py and
list_cache.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mcp_service.issuer.long_polling import LongPolling

POLL_SECONDS: Final = 1.0
"""Between two requests to an issuer that does not hold them: the bound of invariant 12 is twice that."""
QUICK_RETRIES: Final = 3
QUICK_RETRY_SECONDS: Final = 0.1
MAX_RETRY_SECONDS: Final = 4.0
NO_FEED_SECONDS: Final = 3600.0
"""Until an issuer without lists is asked again; a token that names a list of it is a reason as well."""

DEFAULT_TTL_SECONDS: Final = 300.0
"""Of a list that names no ttl."""
MIN_TTL_SECONDS: Final = 1.0
MAX_TTL_SECONDS: Final = 3600.0
MAX_LIST_RETRY_SECONDS: Final = 60.0


class UnknownList(StrEnum):
    """The handling of a list that is not held."""

    REFRESH = "refresh"  # one request to the issuer, shared by all callers
    REFUSE = "refuse"  # the issuer said so recently that the list does not exist: 401
    CANNOT_KNOW = "cannot_know"  # the feed or list cannot be read: 503, never 401 (invariant 8)


@dataclass(frozen=True, slots=True)
class StatusPolicy:
    """Durations in seconds. `strict` is whether tokens with a reference are refused beyond `max_stale`."""

    max_stale: float
    cooldown: float
    strict: bool
    unknown_remembered: float = 60.0


@dataclass(frozen=True, slots=True)
class RefreshState:
    """Readings of the monotonic clock, and the consecutive failures since the last confirmation.

    `confirmed_at` is when the lists held were last the issuer's; before the first time, when the guard began to ask.
    """

    confirmed_at: float
    is_loaded: bool = False
    has_no_feed: bool = False
    failures: int = 0
    failed_at: float = 0.0
    unknown_list_refresh_at: float | None = None


def confirmed(state: RefreshState, now: float) -> RefreshState:
    """After a good answer."""
    return replace(state, confirmed_at=now, is_loaded=True, has_no_feed=False, failures=0)


def without_feed(state: RefreshState, now: float) -> RefreshState:
    """After metadata of an issuer that has no feed."""
    return replace(state, confirmed_at=now, has_no_feed=True, failures=0)


def failed(state: RefreshState, now: float) -> RefreshState:
    """After a failed request or a bad answer."""
    return replace(state, failures=state.failures + 1, failed_at=now)


def refreshed_for_unknown_list(state: RefreshState, now: float) -> RefreshState:
    """After a refresh for an unknown list: the cooldown begins, whether it succeeded or failed."""
    return replace(state, unknown_list_refresh_at=now)


def delay_seconds(state: RefreshState, long_polling: LongPolling, now: float) -> float:
    """Seconds to the next request: none while the issuer holds it, few after a failure, then more."""
    if state.failures:
        return max(0.0, state.failed_at + _retry_seconds(state.failures) - now)
    if state.has_no_feed:
        return max(0.0, state.confirmed_at + NO_FEED_SECONDS - now)
    return POLL_SECONDS if long_polling.works is False else 0.0


def refresh_seconds(ttl: float | None, expires_in: float, policy: StatusPolicy) -> float:
    """Seconds from the fetch of a list to the next: its ttl, within bounds of our own.

    Under a strict policy no list may become stale between two fetches.
    """
    wanted = min(DEFAULT_TTL_SECONDS if ttl is None else ttl, expires_in, MAX_TTL_SECONDS, policy.max_stale / 2)
    return max(wanted, MIN_TTL_SECONDS)


def list_delay_seconds(state: RefreshState, refresh_after: float, now: float) -> float:
    """Seconds to the next request for a list, which is fetched every `refresh_after` seconds."""
    if state.failures:
        longest = max(MAX_RETRY_SECONDS, min(refresh_after, MAX_LIST_RETRY_SECONDS))
        return max(0.0, state.failed_at + _retry_seconds(state.failures, longest) - now)
    return max(0.0, state.confirmed_at + refresh_after - now)


def _retry_seconds(failures: int, longest: float = MAX_RETRY_SECONDS) -> float:
    if failures <= QUICK_RETRIES:
        # A long poll that was cut, or a replica that stopped: another answers at once.
        return QUICK_RETRY_SECONDS * failures
    # The exponent is bounded as well: after a long outage the power would overflow.
    longer = QUICK_RETRY_SECONDS * QUICK_RETRIES * 2.0 ** min(failures - QUICK_RETRIES, 10)
    return min(longer, longest)


def on_unknown_list(state: RefreshState, policy: StatusPolicy, now: float, refused_at: float | None) -> UnknownList:
    """The handling of a list that is not held; `refused_at` is when it was last refused, if that is remembered."""
    if refused_at is not None and now < refused_at + policy.unknown_remembered:
        return UnknownList.REFUSE
    if state.unknown_list_refresh_at is not None and now < state.unknown_list_refresh_at + policy.cooldown:
        is_known = not state.failures and (state.is_loaded or state.has_no_feed)
        return UnknownList.REFUSE if is_known else UnknownList.CANNOT_KNOW
    return UnknownList.REFRESH
