"""How long a sign-in attempt has to wait."""

from hypothesis import given
from hypothesis import strategies as st

from auth_service.sign_in.delay import (
    FORGET_SECONDS,
    KNOWN_BROWSER,
    NONE,
    UNDER_ATTACK,
    UNKNOWN_BROWSER,
    UNKNOWN_BROWSER_UNDER_ATTACK,
    Attempts,
    schedule_for,
    wait_ms,
)

schedules = st.sampled_from([KNOWN_BROWSER, UNKNOWN_BROWSER, UNKNOWN_BROWSER_UNDER_ATTACK])


def test_the_first_attempts_are_free_and_then_delays_double_up_to_the_cap():
    delays = [wait_ms(Attempts(n, 1000), 1000, UNKNOWN_BROWSER) for n in range(17)]
    assert delays[:10] == [0, 0, 0, 0, 0, 1000, 2000, 4000, 8000, 16_000]
    assert delays[-1] == UNKNOWN_BROWSER.cap_ms


@given(schedules, st.integers(0, 10_000))
def test_delays_only_grow_and_never_beyond_the_cap(schedule, count):
    earlier, later = (wait_ms(Attempts(n, 0), 0, schedule) for n in (count, count + 1))
    assert 0 <= earlier <= later <= schedule.cap_ms


@given(schedules, st.integers(0, 10_000))
def test_an_attempt_after_the_delay_is_allowed(schedule, count):
    attempts = Attempts(count, 5000)
    assert wait_ms(attempts, 5000 + wait_ms(attempts, 5000, schedule), schedule) == 0


def test_a_network_that_did_not_guess_yet_is_never_delayed_however_the_account_is_attacked():
    for count in (0, UNDER_ATTACK, 10**9):
        schedule = schedule_for(known=False, account=Attempts(count, 0))
        assert wait_ms(NONE, 0, schedule) == 0


def test_an_attack_takes_the_free_guesses_of_unknown_browsers_but_not_of_known_ones():
    under_attack = Attempts(UNDER_ATTACK, 0)
    assert schedule_for(known=False, account=under_attack).free == 1
    assert schedule_for(known=True, account=under_attack) == KNOWN_BROWSER


def test_no_delay_outlives_the_memory_of_it():
    for schedule in (KNOWN_BROWSER, UNKNOWN_BROWSER, UNKNOWN_BROWSER_UNDER_ATTACK):
        assert schedule.cap_ms < FORGET_SECONDS * 1000
