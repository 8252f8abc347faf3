"""When the feed is asked next, and what becomes of a list that is not held."""

import math

import pytest

from mcp_service.issuer.long_polling import LongPolling
from mcp_service.issuer.refresh_state import UnknownName
from mcp_service.status_lists.policy import (
    DEFAULT_TTL_SECONDS,
    MAX_LIST_RETRY_SECONDS,
    MAX_RETRY_SECONDS,
    MAX_TTL_SECONDS,
    MIN_TTL_SECONDS,
    NO_FEED_SECONDS,
    POLL_SECONDS,
    StatusPolicy,
    StatusRefreshState,
    confirmed,
    delay_seconds,
    list_delay_seconds,
    on_unknown_list,
    refresh_seconds,
    without_feed,
)

POLICY = StatusPolicy(max_stale=3600, cooldown=10, strict=False)
NEW = StatusRefreshState(confirmed_at=100.0)
LOADED = confirmed(NEW, 100)


def test_the_next_long_poll_follows_at_once():
    assert delay_seconds(LOADED, LongPolling(works=True), 100) == 0


def test_an_issuer_that_does_not_wait_is_asked_by_an_interval_that_keeps_the_bound():
    assert delay_seconds(LOADED, LongPolling(works=False), 100) == POLL_SECONDS < 2


@pytest.mark.invariant(12)
def test_the_first_failures_are_followed_within_three_tenths_of_a_second_later_ones_after_seconds():
    state, delays = LOADED, []
    for _ in range(40):
        state = state.after_failure(200)
        delays.append(delay_seconds(state, LongPolling(works=True), 200))
    assert max(delays[:3]) <= 0.3 + 1e-9
    assert delays == sorted(delays)
    assert delays[-1] == MAX_RETRY_SECONDS


def test_an_issuer_without_lists_is_left_alone():
    assert delay_seconds(without_feed(NEW, 100), LongPolling(), 100) == NO_FEED_SECONDS


def test_a_list_that_is_not_held_is_looked_for_once_per_cooldown():
    assert on_unknown_list(LOADED, POLICY, 150, None) is UnknownName.REFRESH
    looked = LOADED.after_unknown(150)
    assert on_unknown_list(looked, POLICY, 159, None) is UnknownName.REFUSE
    assert on_unknown_list(looked, POLICY, 160, None) is UnknownName.REFRESH


def test_a_list_that_was_refused_is_refused_without_a_refresh_for_a_while():
    assert on_unknown_list(LOADED, POLICY, 150, 100.0) is UnknownName.REFUSE
    assert on_unknown_list(LOADED, POLICY, 160, 100.0) is UnknownName.REFRESH


@pytest.mark.invariant(8)
@pytest.mark.parametrize("state", [NEW, LOADED.after_failure(140), NEW.after_failure(140)])
def test_while_the_feed_cannot_be_read_a_list_that_is_not_held_is_not_called_unknown(state):
    looked = state.after_unknown(150)
    assert on_unknown_list(looked, POLICY, 155, None) is UnknownName.CANNOT_KNOW


@pytest.mark.parametrize(
    ("ttl", "expires_in", "max_stale", "seconds"),
    [
        (60, math.inf, 3600, 60),
        (None, math.inf, 3600, DEFAULT_TTL_SECONDS),
        (None, 100, 3600, 100),
        (60, 20, 3600, 20),
        (0.01, math.inf, 3600, MIN_TTL_SECONDS),
        (60, 0, 3600, MIN_TTL_SECONDS),
        (1e300, math.inf, 1e6, MAX_TTL_SECONDS),
        (60, math.inf, 40, 20),
        (60, math.inf, 1, MIN_TTL_SECONDS),
    ],
)
def test_a_list_is_refreshed_by_its_ttl_within_bounds_and_before_it_expires_or_is_stale(
    ttl, expires_in, max_stale, seconds
):
    assert refresh_seconds(ttl, expires_in, StatusPolicy(max_stale=max_stale, cooldown=10, strict=True)) == seconds


def test_a_list_is_next_fetched_when_it_is_due():
    assert list_delay_seconds(LOADED, 60, 110) == 50
    assert list_delay_seconds(LOADED, 60, 200) == 0


@pytest.mark.invariant(12)
@pytest.mark.parametrize(
    ("refresh_after", "longest"), [(1, MAX_RETRY_SECONDS), (30, 30), (3600, MAX_LIST_RETRY_SECONDS)]
)
def test_a_list_that_fails_is_fetched_again_soon_and_never_less_often_than_otherwise(refresh_after, longest):
    state, delays = LOADED, []
    for _ in range(40):
        state = state.after_failure(200)
        delays.append(list_delay_seconds(state, refresh_after, 200))
    assert delays[0] <= 0.1
    assert delays == sorted(delays)
    assert delays[-1] == longest
