"""The script that counts attempts decides as the pure rules in delay.py do."""

import secrets

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auth_service.sign_in.attempt_repository import SignInAttemptRepository
from auth_service.sign_in.delay import NONE, UNDER_ATTACK, Attempts, schedule_for, wait_ms

pytestmark = pytest.mark.store

NOW = 1_800_000_000_000


async def read(attempts, name="margaret"):
    return await attempts.read(name, network="192.0.2.1", browser_hash="a browser")


async def store_counts(store, counts, own, account):
    for key, value in ((counts.key, own), (f"{counts.account_key}:all", account)):
        if value.count:
            await store.command("SET", key, f"{value.count} {value.last_ms}")


def stored(numbers):
    times = st.one_of(st.integers(NOW - 2_000, NOW), st.integers(NOW - 4_000_000, NOW + 5_000))
    return st.builds(Attempts, numbers, times)


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
    own = own if own.count else NONE
    await store_counts(store, counts, own, account)
    expected = wait_ms(own, NOW, schedule_for(known=known, account=account))
    assert await attempts.count(counts, now_ms=NOW) == expected
    after = await read(attempts, name)
    assert after.own == (own if expected else Attempts(own.count + 1, NOW))
    counted_for_all = not known and not expected
    assert after.account == (Attempts(account.count + 1, NOW) if counted_for_all else account)


async def test_counting_remembers_how_often_and_when(store):
    attempts = SignInAttemptRepository(store)
    counts = await read(attempts)
    for now_ms in (NOW, NOW + 20):
        assert await attempts.count(counts, now_ms=now_ms) == 0
    after = await read(attempts)
    assert after.own == after.account == Attempts(2, NOW + 20)


async def test_counts_expire(store):
    attempts = SignInAttemptRepository(store)
    counts = await read(attempts)
    await attempts.count(counts, now_ms=NOW)
    for key in (counts.key, f"{counts.account_key}:all"):
        assert 3590 < await store.command("TTL", key) <= 3600
