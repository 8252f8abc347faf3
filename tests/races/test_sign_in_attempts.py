"""Attempts on one account through several replicas: each that may pass passes, and no more."""

import asyncio

import pytest

from auth_service.sign_in.attempt_repository import SignInAttemptRepository
from auth_service.sign_in.delay import KNOWN_BROWSER, UNKNOWN_BROWSER, UNKNOWN_BROWSER_UNDER_ATTACK

pytestmark = pytest.mark.store

ATTEMPTS = 120


async def attempt(store, *, network="192.0.2.1", browser="new"):
    attempts = SignInAttemptRepository(store)
    counts = await attempts.read("margaret", network=network, browser_hash=browser)
    return await attempts.count(counts) == 0


async def at_once(stores, **attempt_of):
    """Number of the attempts that passed; each argument is a function of the number of the attempt."""
    calls = (
        attempt(stores[n % len(stores)], **{name: value(n) for name, value in attempt_of.items()})
        for n in range(ATTEMPTS)
    )
    return sum(await asyncio.gather(*calls))


async def test_concurrent_attempts_from_one_network_pass_up_to_the_free_number(stores):
    assert await at_once(stores, browser=str) == UNKNOWN_BROWSER.free


async def test_concurrent_attempts_with_one_known_browser_pass_up_to_the_free_number(stores):
    attempts = SignInAttemptRepository(stores[0])
    await attempts.succeeded(await attempts.read("margaret", network="192.0.2.1", browser_hash="stolen"))
    assert await at_once(stores, browser=lambda _: "stolen", network=str) == KNOWN_BROWSER.free


async def test_attempts_from_other_networks_refuse_none(stores):
    assert await at_once(stores, network=str) == ATTEMPTS


async def test_no_attempt_is_lost_from_the_count_of_the_account(stores):
    await at_once(stores, network=str)
    passed = await at_once(stores, network=lambda n: f"second {n % 4}")
    assert passed == 4 * UNKNOWN_BROWSER_UNDER_ATTACK.free
