"""The refresh policy of status lists: the time of the next request, and the handling of a list that is not held.

Pure: every function takes `now` (seconds of a monotonic clock) and returns a value. The I/O is in feed_cache.py and
list_cache.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from mcp_service.issuer.refresh_state import RefreshPolicy, RefreshState, UnknownName, doubled

if TYPE_CHECKING:
    from mcp_service.issuer.long_polling import LongPolling

POLL_SECONDS: Final = 1.0
"""Between two requests to an issuer that does not hold them: the bound of invariant 12 is twice that."""
QUICK_RETRIES: Final = 3
QUICK_RETRY_SECONDS: Final = 0.1
MAX_RETRY_SECONDS: Final = 4.0
NO_FEED_SECONDS: Final = 3600.0
"""The time until an issuer without lists is asked again, unless a token names one of its lists."""

DEFAULT_TTL_SECONDS: Final = 300.0
"""The ttl of a list that names none."""
MIN_TTL_SECONDS: Final = 1.0
MAX_TTL_SECONDS: Final = 3600.0
MAX_LIST_RETRY_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusPolicy(RefreshPolicy):
    """The policy of one cache: `strict` is whether tokens with a reference are refused beyond `max_stale`."""

    strict: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRefreshState(RefreshState):
    """The state of the feed, or of one list."""

    confirmed_at: float
    """When the issuer last confirmed what is held; before the first time, when the guard began to ask."""
    is_loaded: bool = False
    has_no_feed: bool = False


def confirmed(state: StatusRefreshState, now: float) -> StatusRefreshState:
    """The state after a good answer."""
    return replace(state, confirmed_at=now, is_loaded=True, has_no_feed=False, failures=0)


def without_feed(state: StatusRefreshState, now: float) -> StatusRefreshState:
    """The state after metadata of an issuer that has no feed."""
    return replace(state, confirmed_at=now, has_no_feed=True, failures=0)


def delay_seconds(state: StatusRefreshState, long_polling: LongPolling, now: float) -> float:
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


def list_delay_seconds(state: StatusRefreshState, refresh_after: float, now: float) -> float:
    """Seconds to the next request for a list, which is fetched every `refresh_after` seconds."""
    if state.failures:
        longest = max(MAX_RETRY_SECONDS, min(refresh_after, MAX_LIST_RETRY_SECONDS))
        return max(0.0, state.failed_at + _retry_seconds(state.failures, longest) - now)
    return max(0.0, state.confirmed_at + refresh_after - now)


def _retry_seconds(failures: int, longest: float = MAX_RETRY_SECONDS) -> float:
    if failures <= QUICK_RETRIES:
        # A long poll that was cut, or a replica that stopped: another answers at once.
        return QUICK_RETRY_SECONDS * failures
    return doubled(QUICK_RETRY_SECONDS * QUICK_RETRIES, failures - QUICK_RETRIES, longest=longest)


def on_unknown_list(
    state: StatusRefreshState, policy: StatusPolicy, now: float, refused_at: float | None
) -> UnknownName:
    """The handling of a list that is not held; `refused_at` is when it was last refused, if that is remembered."""
    is_answered = not state.failures and (state.is_loaded or state.has_no_feed)
    return state.on_unknown(policy, now, refused_at, is_answered=is_answered)
