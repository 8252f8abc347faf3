"""The arithmetic of rates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.rates import InMemoryRateLimiter, Rate, RequestLimiter, decide

rates = st.builds(Rate, st.integers(1, 100), st.integers(1, 3600), st.integers(1, 50))
gaps = st.lists(st.integers(0, 10_000), min_size=1, max_size=200)


def test_a_burst_passes_and_then_one_per_interval():
    rate = Rate(requests=60, seconds=60, burst=3)
    arrival, allowed = None, []
    for now in (1000, 1000, 1000, 1000, 1999, 2000, 2001):
        decision = decide(arrival, now, rate)
        arrival = decision.arrival_ms
        allowed.append(decision.allowed)
    assert allowed == [True, True, True, False, False, True, False]


def test_a_rejection_says_exactly_when_the_next_request_passes():
    rate = Rate(requests=7, seconds=60, burst=2)
    arrival = decide(decide(None, 0, rate).arrival_ms, 0, rate).arrival_ms
    refused = decide(arrival, 10, rate)
    assert not refused.allowed
    assert not decide(refused.arrival_ms, 10 + refused.retry_after_ms - 1, rate).allowed
    assert decide(refused.arrival_ms, 10 + refused.retry_after_ms, rate).allowed


def test_refused_requests_cost_nothing():
    rate = Rate(requests=1, seconds=1, burst=1)
    arrival = decide(None, 0, rate).arrival_ms
    for now in range(1, 1000, 50):
        arrival = decide(arrival, now, rate).arrival_ms
    assert decide(arrival, 1000, rate).allowed


@given(rates, st.integers(0, 60), st.integers(1, 10**8))
def test_a_clock_that_is_set_back_refuses_for_at_most_two_intervals(rate, used, step):
    now, arrival = 1_800_000_000_000, None
    for _ in range(used):
        arrival = decide(arrival, now, rate).arrival_ms
    decision = decide(arrival, now - step, rate)
    assert decision.retry_after_ms <= 2 * rate.interval_ms


@given(rates, gaps)
def test_never_more_pass_than_burst_and_rate_allow(rate, gaps):
    now, arrival, passed, start = 1_800_000_000_000, None, 0, 1_800_000_000_000
    for gap in gaps:
        now += gap
        decision = decide(arrival, now, rate)
        arrival = decision.arrival_ms
        passed += decision.allowed
        assert passed <= rate.burst + (now - start) // rate.interval_ms
        assert 0 <= decision.remaining <= rate.burst


@given(rates)
def test_requests_at_the_interval_are_never_refused(rate):
    arrival = None
    for number in range(100):
        decision = decide(arrival, number * rate.interval_ms, rate)
        assert decision.allowed
        arrival = decision.arrival_ms


@given(rates, st.integers(0, 60))
def test_what_remains_is_what_passes(rate, used):
    arrival = None
    for _ in range(min(used, rate.burst)):
        arrival = decide(arrival, 0, rate).arrival_ms
    decision = decide(arrival, 0, rate)
    passed = 0
    following = decision
    while following.allowed:
        following = decide(following.arrival_ms, 0, rate)
        passed += following.allowed
    assert decision.remaining == passed


@pytest.mark.parametrize("numbers", [(0, 1, 1), (1, 0, 1), (1, 1, 0), (1001, 1, 1)])
def test_a_rate_that_makes_no_sense_is_refused(numbers):
    with pytest.raises(ValueError, match="rate"):
        Rate(*numbers)


def test_keys_do_not_share_an_allowance_and_the_table_is_bounded():
    limiter = InMemoryRateLimiter(max_keys=2)
    rate = Rate(1, 60, 1)
    assert limiter.hit("a", rate, now_ms=0).allowed
    assert limiter.hit("b", rate, now_ms=0).allowed
    assert not limiter.hit("a", rate, now_ms=0).allowed
    assert limiter.hit("c", rate, now_ms=0).allowed  # "b" was quiet longest and makes room
    assert not limiter.hit("a", rate, now_ms=0).allowed
    assert len(limiter._arrivals) == 2


class RateExceeded(Exception):
    """A bound or a rate."""


class Limiter(RequestLimiter):
    def refuse_request(self, name, rate, decision):
        raise RateExceeded(name, decision.retry_after_ms)

    def refuse_another(self, name, most):
        raise RateExceeded(name, most)


def test_a_request_beyond_one_of_its_bounds_counts_for_none():
    limiter = Limiter(enabled=True, clock=lambda: 0.0)
    wide, narrow = (("calls", "a"), 2), (("streams", "a"), 1)
    limiter.enter((wide, narrow))
    for _ in range(3):
        with pytest.raises(RateExceeded, match="streams"):
            limiter.enter((wide, narrow))
    limiter.enter((wide,))
    with pytest.raises(RateExceeded, match="calls"):
        limiter.enter((wide,))
    limiter.leave((wide, narrow))
    limiter.enter((wide, narrow))


def test_a_refusal_of_a_service_says_when_the_next_request_passes():
    limiter = Limiter(enabled=True, clock=lambda: 1.25)
    limiter.check("a", "key", Rate(1, 60, burst=1))
    with pytest.raises(RateExceeded) as caught:
        limiter.check("a", "key", Rate(1, 60, burst=1))
    assert caught.value.args == ("a", 60_000)


def test_without_limits_nothing_is_counted():
    limiter = Limiter(enabled=False, clock=lambda: 0.0)
    for _ in range(3):
        limiter.check("a", "key", Rate(1, 60, burst=1))
        limiter.enter(((("calls", "a"), 1),))
    limiter.leave(((("calls", "a"), 1),))
