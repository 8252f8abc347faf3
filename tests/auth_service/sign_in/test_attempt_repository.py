"""The script that counts attempts decides as the pure rules in delay.py do."""

import secrets

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auth_service.sign_in.attempt_repository import SignInAttemptRepository
from auth_service.sign_in.delay import NONE, UNDER_ATTACK, Attempts, schedule_for, wait_ms

pytestmark = pytest.mark.store

SOON = 2_000
"""Milliseconds that a test may take."""


async def read(attempts, name="margaret"):
    return await attempts.read(name, network="192.0.2.1", browser_hash="a browser")


async def store_counts(store, counts, own, account):
    for key, value in ((counts.key, own), (f"{counts.account_key}:all", account)):
        if value.count:
            await store.command("SET", key, f"{value.count} {value.last_ms}")


def stored(numbers):
    """Numbers of attempts, and milliseconds since the last one; negative where the clock was set back."""
    return st.tuples(numbers, st.one_of(st.integers(0, 2_000), st.integers(0, 4_000_000), st.integers(-90_000, -5_000)))


@pytest.mark.parametrize("known", [False, True])
@given(
    own=stored(st.one_of(st.integers(1, 8), st.integers(0, 10**9))),
    account=stored(st.sampled_from([1, UNDER_ATTACK - 1, UNDER_ATTACK, UNDER_ATTACK + 1, 10**9])),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_the_script_waits_as_long_as_the_rules_say(store, known, own, account):
    attempts, name = SignInAttemptRepository(store), secrets.token_hex(8)
    if known:
        await attempts.succeeded(await read(attempts, name))
    counts = await read(attempts, name)
    assert counts.known is known
    own, account = (Attempts(number, counts.read_at_ms - age) for number, age in (own, account))
    own = own if own.count else NONE
    await store_counts(store, counts, own, account)
    expected = wait_ms(own, counts.read_at_ms, schedule_for(known=known, account=account))
    waits = await attempts.count(counts)
    assert max(0, expected - SOON) <= waits <= expected
    after = await read(attempts, name)
    if waits:
        assert (after.own, after.account) == (own, account)
        return
    assert after.own.count == own.count + 1
    assert counts.read_at_ms <= after.own.last_ms <= after.read_at_ms
    assert after.account == (account if known else Attempts(account.count + 1, after.own.last_ms))


async def test_counting_remembers_how_often_and_when(store):
    attempts = SignInAttemptRepository(store)
    counts = await read(attempts)
    for _ in range(2):
        assert await attempts.count(counts) == 0
    after = await read(attempts)
    assert after.own == after.account
    assert after.own.count == 2
    assert counts.read_at_ms <= after.own.last_ms <= after.read_at_ms


async def test_counts_expire(store):
    attempts = SignInAttemptRepository(store)
    counts = await read(attempts)
    await attempts.count(counts)
    for key in (counts.key, f"{counts.account_key}:all"):
        assert 3590 < await store.command("TTL", key) <= 3600


async def test_a_clock_of_the_store_that_was_set_back_makes_no_attempt_wait_longer_than_its_delay(store):
    attempts = SignInAttemptRepository(store)
    counts = await read(attempts)
    await store_counts(store, counts, Attempts(5, counts.read_at_ms + 60_000), NONE)
    assert await attempts.count(counts) == 0
    assert 0 < await attempts.count(counts) <= 2000
