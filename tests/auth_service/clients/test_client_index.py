"""The list of registrations by expiry: short by itself, and never a reason to block."""

import pytest

from shared.redis.client import load_script

pytestmark = pytest.mark.store

LIST = "sp:clients:registered"


async def test_one_registration_drops_a_bounded_number_of_expired_entries(store):
    await store.command("ZADD", LIST, *(part for i in range(1000) for part in (100, f"old-{i}")))
    assert (
        await store.run(load_script("auth_service.clients", "index_registration"), [LIST], ["new", 9000, 200, 64]) == 64
    )
    assert await store.command("ZCARD", LIST) == 1000 - 64 + 1


async def test_entries_that_have_not_expired_stay_and_expiry_only_grows(store):
    step = load_script("auth_service.clients", "index_registration")
    await store.run(step, [LIST], ["one", 9000, 100, 64])
    await store.run(step, [LIST], ["one", 8000, 100, 64])
    assert await store.command("ZSCORE", LIST, "one") in (9000, "9000", 9000.0)
    assert await store.run(step, [LIST], ["two", 9000, 9001, 64]) == 2
