"""The machine of the key cache, walked through every state and boundary with a clock of the test's own."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_service.issuer.refresh_state import RefreshPolicy, UnknownName
from mcp_service.jwks.policy import (
    MAX_MAX_AGE,
    MAX_RETRY,
    MIN_MAX_AGE,
    TRUSTED,
    CacheState,
    Phase,
    confirmed,
    next_attempt_at,
    on_unknown_kid,
    phase_of,
    trusted_until,
)

POLICY = RefreshPolicy(max_stale=1000, cooldown=10, unknown_remembered=60)
FRESH = confirmed(CacheState(), 100, 50)


def test_a_new_cache_is_empty_and_due_at_once():
    assert phase_of(CacheState(), POLICY, 0) is Phase.EMPTY
    assert next_attempt_at(CacheState()) < 0


@pytest.mark.parametrize(("now", "phase"), [(100, Phase.FRESH), (149.9, Phase.FRESH), (150, Phase.STALE)])
def test_a_confirmed_set_is_fresh_until_its_age_is_reached(now, phase):
    assert phase_of(FRESH, POLICY, now) is phase


def test_a_stale_set_is_due_and_still_trusted():
    assert next_attempt_at(FRESH) == 150
    assert phase_of(FRESH, POLICY, 150) in TRUSTED


@pytest.mark.parametrize("now", [120, 160, 1149.9])
def test_after_a_failure_the_set_is_served_as_long_as_the_bound_allows(now):
    assert phase_of(FRESH.after_failure(110), POLICY, now) is Phase.UNREACHABLE


@pytest.mark.invariant(8)
def test_the_bound_ends_the_trust():
    """From here on callers get 503, and never a decision from keys too old to trust."""
    assert phase_of(FRESH.after_failure(110), POLICY, 1150) is Phase.EXPIRED
    assert phase_of(FRESH, POLICY, 1150) is Phase.EXPIRED
    assert trusted_until(FRESH, POLICY) == 1150


@pytest.mark.parametrize("state", [CacheState(), CacheState().after_failure(5), FRESH, FRESH.after_failure(110)])
def test_a_confirmation_leads_to_fresh_from_everywhere(state):
    again = confirmed(state, 5000, 50)
    assert phase_of(again, POLICY, 5000) is Phase.FRESH
    assert again.failures == 0


def test_a_failure_never_takes_a_set_away():
    assert FRESH.after_failure(110).confirmed_at == FRESH.confirmed_at


@pytest.mark.parametrize(("asked_for", "kept"), [(0, MIN_MAX_AGE), (1e9, MAX_MAX_AGE), (60, 60), (None, 300)])
def test_the_issuer_decides_the_age_within_the_configured_bounds(asked_for, kept):
    assert confirmed(CacheState(), 0, asked_for).max_age == kept


def test_the_pauses_between_failures_grow_and_are_bounded():
    state, pauses = CacheState(), []
    for _ in range(8):
        state = state.after_failure(0)
        pauses.append(next_attempt_at(state))
    assert pauses == [1, 2, 4, 8, MAX_RETRY, MAX_RETRY, MAX_RETRY, MAX_RETRY]


def test_the_pause_is_a_number_after_a_very_long_outage():
    assert next_attempt_at(CacheState(failures=10**6)) == MAX_RETRY


@pytest.mark.invariant(8)
@pytest.mark.parametrize("state", [CacheState(), CacheState().after_failure(1), FRESH])
def test_without_trusted_keys_nothing_can_be_known_of_a_kid(state):
    """503, not 401."""
    assert on_unknown_kid(state, POLICY, 2000, None) is UnknownName.CANNOT_KNOW


def test_an_unknown_kid_causes_a_refresh():
    assert on_unknown_kid(FRESH, POLICY, 110, None) is UnknownName.REFRESH


@pytest.mark.parametrize(("now", "answer"), [(119.9, UnknownName.REFUSE), (120, UnknownName.REFRESH)])
def test_after_a_success_the_cooldown_refuses(now, answer):
    state = confirmed(FRESH, 110, 50).after_unknown(110)
    assert on_unknown_kid(state, POLICY, now, None) is answer


@pytest.mark.invariant(8)
@pytest.mark.parametrize(("now", "answer"), [(119.9, UnknownName.CANNOT_KNOW), (120, UnknownName.REFRESH)])
def test_after_a_failure_the_same_cooldown_holds_but_nothing_is_called_unknown(now, answer):
    """The issuer might know the kid; we could not ask."""
    state = FRESH.after_failure(110).after_unknown(110)
    assert on_unknown_kid(state, POLICY, now, None) is answer


@pytest.mark.parametrize(("now", "answer"), [(169.9, UnknownName.REFUSE), (170, UnknownName.REFRESH)])
def test_a_kid_found_unknown_is_remembered_for_a_while(now, answer):
    state = confirmed(FRESH, 165, 50)
    assert on_unknown_kid(state, POLICY, now, 110) is answer


Step = st.tuples(st.sampled_from(["confirm", "fail", "kid"]), st.floats(0.01, 400))


@given(st.lists(Step, max_size=60))
def test_no_history_asks_the_issuer_twice_within_a_cooldown_or_trusts_a_set_for_too_long(history):
    state, now, asked = CacheState(), 0.0, []
    for step, passed in history:
        now += passed
        match step:
            case "confirm":
                state = confirmed(state, now, 50)
            case "fail":
                state = state.after_failure(now)
            case _ if on_unknown_kid(state, POLICY, now, None) is UnknownName.REFRESH:
                asked.append(now)
                state = state.after_unknown(now)
        trusted = phase_of(state, POLICY, now) in TRUSTED
        assert trusted == (state.confirmed_at is not None and now < state.confirmed_at + 50 + POLICY.max_stale)
    assert all(later - earlier >= POLICY.cooldown for earlier, later in pairwise(asked))
