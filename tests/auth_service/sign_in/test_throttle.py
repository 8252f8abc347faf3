"""Guessing passwords against a real store: attempts are delayed, and no user is locked out."""

import asyncio
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from auth_service.protocol.errors import TooManyRequests
from auth_service.rate_limits.limits import RateLimits
from auth_service.rate_limits.repository import RateLimitRepository
from auth_service.sign_in.attempt_repository import SignInAttemptRepository
from auth_service.sign_in.delay import UNDER_ATTACK, UNKNOWN_BROWSER
from auth_service.sign_in.password_authenticator import SignInThrottle

pytestmark = pytest.mark.store


class Silent:
    """An audit log that discards its events."""

    def record(self, event, **fields):
        pass


class Clock:
    def __init__(self):
        self.now = 1_800_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def throttle(store, clock):
    audit: Any = Silent()
    limits = RateLimits(
        repository=RateLimitRepository(store),
        shared_networks=(),
        audit=audit,
        registry=CollectorRegistry(),
        enabled=True,
        monotonic=clock,
    )
    return SignInThrottle(attempts=SignInAttemptRepository(store), limits=limits, audit=audit)


async def attempt(throttle, *, name="margaret", browser="stranger", address="192.0.2.66"):
    counts = await throttle.begin(name, browser_hash=browser, address=address)
    await throttle.count(counts, address=address)
    return counts


async def let_pass(store, seconds):
    """Move the times of the attempts into the past."""
    for key in [key async for page in store.scan("sp:{signin:*") for key in page]:
        count, last = (await store.command("GET", key)).split()
        await store.command("SET", key, f"{count} {int(last) - seconds * 1000}")


async def guess_until_delayed(throttle, **who):
    for number in range(1000):
        try:
            await attempt(throttle, **who)
        except TooManyRequests:
            return number
    return pytest.fail("was never delayed")


async def test_an_attacker_gets_a_few_guesses_and_then_waits_longer_and_longer(throttle, store):
    assert await guess_until_delayed(throttle) == UNKNOWN_BROWSER.free
    waits = []
    for _ in range(5):
        with pytest.raises(TooManyRequests) as refused:
            await attempt(throttle)
        waits.append(int(refused.value.headers["Retry-After"]))
        await let_pass(store, waits[-1])
        await attempt(throttle)
    assert waits == [1, 2, 4, 8, 16]


async def test_after_the_clock_of_the_store_was_set_back_one_guess_passes_and_the_next_waits_as_usual(throttle, store):
    await guess_until_delayed(throttle)
    await let_pass(store, -3600)
    await attempt(throttle)
    with pytest.raises(TooManyRequests) as refused:
        await attempt(throttle)
    assert refused.value.headers["Retry-After"] == "2"


async def test_waiting_in_vain_does_not_lengthen_the_wait(throttle):
    await guess_until_delayed(throttle)
    for _ in range(50):
        with pytest.raises(TooManyRequests) as refused:
            await attempt(throttle)
        assert refused.value.headers["Retry-After"] == "1"


async def test_a_hundred_guesses_at_once_are_not_a_hundred_free_guesses(throttle):
    results = await asyncio.gather(*(attempt(throttle) for _ in range(100)), return_exceptions=True)
    assert sum(not isinstance(r, TooManyRequests) for r in results) <= UNKNOWN_BROWSER.free


async def test_the_owner_signs_in_despite_attacks(throttle):
    await throttle.succeeded(await attempt(throttle, browser="owner", address="198.51.100.1"))
    for host in range(UNDER_ATTACK):
        await guess_until_delayed(throttle, address=f"192.0.2.{host}")
    await attempt(throttle, browser="owner", address="198.51.100.1")
    # Even from the network of the attacker:
    await attempt(throttle, browser="owner", address="192.0.2.0")


async def test_the_owner_signs_in_on_a_new_device_elsewhere_despite_attacks(throttle):
    for host in range(UNDER_ATTACK):
        await guess_until_delayed(throttle, address=f"192.0.2.{host}")
    await attempt(throttle, browser="new device", address="203.0.113.9")


async def test_guessers_on_one_account_do_not_delay_the_attempt_of_a_network_without_attempts(throttle):
    guesses = [attempt(throttle, browser=f"guesser {n}", address=f"192.0.2.{n}") for n in range(160)]
    owners = attempt(throttle, browser="new device", address="203.0.113.9")
    results = await asyncio.gather(*guesses, owners, return_exceptions=True)
    assert not [r for r in results if isinstance(r, TooManyRequests)]


async def test_under_attack_a_fresh_network_has_one_guess(throttle):
    for host in range(UNDER_ATTACK // UNKNOWN_BROWSER.free + 1):
        await guess_until_delayed(throttle, address=f"192.0.2.{host}")
    assert await guess_until_delayed(throttle, address="203.0.113.9") == 1


async def test_addresses_of_one_ipv6_subscriber_share_their_guesses(throttle):
    addresses = [f"2001:db8::{number:x}" for number in range(50)]
    results = [await asyncio.gather(attempt(throttle, address=a), return_exceptions=True) for a in addresses]
    assert sum(not isinstance(r[0], TooManyRequests) for r in results) == UNKNOWN_BROWSER.free


async def test_a_name_that_does_not_exist_is_delayed_like_one_that_does(throttle):
    assert await guess_until_delayed(throttle, name="nobody at all") == UNKNOWN_BROWSER.free


async def test_other_spellings_of_a_name_do_not_give_more_guesses(throttle):
    spellings = ["margaret", "Margaret", "MARGARET", "ｍargaret", " margaret "] * 4
    results = [await asyncio.gather(attempt(throttle, name=s), return_exceptions=True) for s in spellings]
    assert sum(not isinstance(r[0], TooManyRequests) for r in results) == UNKNOWN_BROWSER.free


async def test_success_clears_the_count(throttle):
    for _ in range(UNKNOWN_BROWSER.free - 1):
        await attempt(throttle, browser="owner")
    await throttle.succeeded(await attempt(throttle, browser="owner"))
    assert await guess_until_delayed(throttle) == UNKNOWN_BROWSER.free


async def test_a_stolen_browser_cookie_gives_no_endless_guesses(throttle):
    await throttle.succeeded(await attempt(throttle, browser="stolen"))
    assert await guess_until_delayed(throttle, browser="stolen") < 20


async def test_one_network_cannot_try_one_password_on_every_account(throttle):
    accepted = 0
    for number in range(200):
        try:
            await attempt(throttle, name=f"user{number}")
            accepted += 1
        except TooManyRequests as exc:
            assert exc.error_id == "limit_sign_ins"  # noqa: PT017 - the only refusal expected
    assert accepted == 50


async def test_the_store_holds_neither_names_nor_browsers(throttle, store):
    await throttle.succeeded(await attempt(throttle, browser="owner-browser-hash"))
    await attempt(throttle)
    keys = " ".join(await store.command("KEYS", "*"))
    assert "margaret" not in keys
    assert "owner-browser-hash" not in keys
