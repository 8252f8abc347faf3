"""The list of registrations by expiry: short by itself, and never a reason to block."""

import pytest

from auth_service.clients.registration_budget import RegistrationBudget, RegistrationSource

pytestmark = pytest.mark.store

LIST = "sp:{registrations}:by_expiry"


async def reserve(store, client_id, *, expires_at, now):
    budget = RegistrationBudget(store, budget_bytes=1 << 20)
    source = RegistrationSource("192.0.2.1/32", "192.0.2.0/24")
    await budget.reserve(client_id, source, record_bytes=300, expires_at=expires_at, now=now)


async def test_one_registration_drops_a_bounded_number_of_expired_entries(store):
    await store.command("ZADD", LIST, *(part for i in range(1000) for part in (100, f"old-{i}")))
    await reserve(store, "new", expires_at=9000, now=200)
    assert await store.command("ZCARD", LIST) == 1000 - 64 + 1


async def test_entries_that_have_not_expired_stay_and_expiry_only_grows(store):
    await reserve(store, "one", expires_at=9000, now=100)
    await reserve(store, "one", expires_at=8000, now=100)
    assert await store.command("ZSCORE", LIST, "one") in (9000, "9000", 9000.0)
    await reserve(store, "two", expires_at=9000, now=9001)
    assert await store.command("ZRANGE", LIST, 0, -1) == ["two"]
