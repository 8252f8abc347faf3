"""How long a client lives in the store, and what is left of it (interop.md A18)."""

import asyncio
import dataclasses

import pytest

from auth_service.clients.client import ClientKind
from auth_service.clients.client_metadata import ClientMetadata
from auth_service.clients.repository import TOMBSTONE_SECONDS, ClientRepository, StoredClient, Tombstone
from shared.redis.topology import open_redis_client

pytestmark = [pytest.mark.store, pytest.mark.invariant(3, 4)]

DAY = 86_400


async def store_time(store):
    """The store expires keys by its own clock, so the tests' times are near it."""
    return int((await store.command("TIME"))[0])


@pytest.fixture
async def now(store):
    return await store_time(store)


@pytest.fixture
def clients(store):
    return ClientRepository(store)


def record(now, **changes):
    values = {
        "client_id": "own-abc",
        "kind": ClientKind.REGISTERED,
        "metadata": ClientMetadata(
            redirect_uris=("https://client.example/cb",),
            grant_types=("authorization_code", "refresh_token"),
            authentication_method="client_secret_basic",
            client_name="Client",
        ),
        "created_at": now,
        "expires_at": now + DAY,
        "secret_hash": "aa" * 32,
        "management_hash": "bb" * 32,
    }
    return StoredClient(**{**values, **changes})


async def test_a_client_is_found_as_it_was_stored(clients, now):
    stored = record(now, introspects=frozenset({"https://a/mcp"}), max_scope="notes:read")
    assert await clients.add(stored, now=now)
    assert await clients.find("own-abc", now=now) == stored


async def test_an_id_that_never_was_is_not_found(clients, now):
    assert await clients.find("own-other", now=now) is None


async def test_an_unused_registration_is_gone_after_its_short_life_without_a_trace(clients, store, now):
    await clients.add(record(now), now=now)
    assert await store.command("EXPIRETIME", "sp:{client:own-abc}") == now + DAY


async def test_use_slides_the_expiry_and_keeps_a_tombstone_beyond_it(clients, store, now):
    await clients.add(record(now), now=now)
    assert await clients.record_use("own-abc", now=now, expires_at=now + 90 * DAY)
    found = await clients.find("own-abc", now=now + 90 * DAY - 1)
    assert found.used
    assert isinstance(await clients.find("own-abc", now=now + 90 * DAY), Tombstone)
    assert await store.command("EXPIRETIME", "sp:{client:own-abc}") == now + 90 * DAY + TOMBSTONE_SECONDS


async def test_use_never_shortens_a_life(clients, now):
    await clients.add(record(now), now=now)
    await clients.record_use("own-abc", now=now, expires_at=now + 90 * DAY)
    await clients.record_use("own-abc", now=now, expires_at=now + DAY)
    assert (await clients.find("own-abc", now=now)).expires_at == now + 90 * DAY


async def test_use_does_not_revive_an_expired_registration(clients, now):
    await clients.add(record(now), now=now)
    await clients.record_use("own-abc", now=now, expires_at=now + 2 * DAY)
    assert not await clients.record_use("own-abc", now=now + 2 * DAY, expires_at=now + 90 * DAY)
    assert isinstance(await clients.find("own-abc", now=now + 2 * DAY), Tombstone)


async def test_a_pre_registered_client_never_expires(clients, store, now):
    await clients.add(record(now, kind=ClientKind.PRE_REGISTERED, expires_at=None), now=now)
    await clients.record_use("own-abc", now=now, expires_at=now + DAY)
    assert await store.command("TTL", "sp:{client:own-abc}") == -1
    assert (await clients.find("own-abc", now=now + 9999 * DAY)).expires_at is None


@pytest.mark.invariant(3)
async def test_one_of_many_concurrent_adds_under_one_id_wins(clients, store_url, now):
    """Exactly one winner, on separate connections."""
    others = [open_redis_client(store_url) for _ in range(8)]
    candidates = [record(now, secret_hash=f"{n:064d}") for n in range(8)]
    won = await asyncio.gather(*(ClientRepository(s).add(c, now=now) for s, c in zip(others, candidates, strict=True)))
    for other in others:
        await other.close()
    assert won.count(True) == 1
    assert (await clients.find("own-abc", now=now)).secret_hash == candidates[won.index(True)].secret_hash


async def test_the_same_shared_registration_again_renews_an_unused_record_only(clients, store, now):
    await clients.add(record(now), now=now)
    assert not await clients.add(record(now, expires_at=now + 2 * DAY), now=now)
    assert (await clients.find("own-abc", now=now)).expires_at == now + 2 * DAY
    await clients.record_use("own-abc", now=now, expires_at=now + 90 * DAY)
    assert not await clients.add(record(now, expires_at=now + 3 * DAY), now=now)
    assert (await clients.find("own-abc", now=now)).expires_at == now + 90 * DAY
    assert await store.command("EXPIRETIME", "sp:{client:own-abc}") == now + 90 * DAY + TOMBSTONE_SECONDS


async def test_an_ended_used_client_leaves_a_tombstone_and_an_unused_one_leaves_nothing(clients, store, now):
    await clients.add(record(now), now=now)
    await clients.add(record(now, client_id="own-used"), now=now)
    await clients.record_use("own-used", now=now, expires_at=now + DAY)
    assert await clients.end("own-abc", now=now)
    assert await clients.end("own-used", now=now)
    assert await clients.find("own-abc", now=now) is None
    assert isinstance(await clients.find("own-used", now=now), Tombstone)
    assert await store.command("HGETALL", "sp:{client:own-used}") == {"ended": str(now)}
    assert await store.command("TTL", "sp:{client:own-used}") > TOMBSTONE_SECONDS - 60


async def test_an_id_with_a_tombstone_can_be_registered_anew(clients, now):
    await clients.add(record(now, kind=ClientKind.PRE_REGISTERED, expires_at=None), now=now)
    await clients.end("own-abc", now=now)
    assert await clients.add(record(now), now=now)
    assert await clients.find("own-abc", now=now) == record(now)


async def test_only_the_holder_of_the_token_ends_or_replaces_a_registration(clients, now):
    await clients.add(record(now), now=now)
    changed = dataclasses.replace(record(now), secret_hash="cc" * 32)
    assert not await clients.replace(changed, management_hash="dd" * 32, now=now)
    assert not await clients.end("own-abc", now=now, management_hash="dd" * 32)
    assert await clients.find("own-abc", now=now) == record(now)
    assert await clients.replace(changed, management_hash="bb" * 32, now=now)
    assert await clients.find("own-abc", now=now) == changed
    assert await clients.end("own-abc", now=now, management_hash="bb" * 32)


async def test_an_update_after_the_end_changes_nothing(clients, now):
    await clients.add(record(now), now=now)
    await clients.end("own-abc", now=now)
    assert not await clients.replace(record(now), management_hash="bb" * 32, now=now)
    assert await clients.find("own-abc", now=now) is None


async def test_the_operator_sees_the_clients_by_kind(clients, now):
    await clients.add(record(now, client_id="zed", kind=ClientKind.PRE_REGISTERED, expires_at=None), now=now)
    await clients.add(record(now, client_id="ann", kind=ClientKind.PRE_REGISTERED, expires_at=None), now=now)
    await clients.add(record(now), now=now)
    await clients.add(record(now, client_id="own-long", expires_at=now + 2 * DAY), now=now)
    assert [c.client_id for c in await clients.list_pre_registered(now=now)] == ["ann", "zed"]
    assert [c.client_id for c in await clients.list_registered(now=now, limit=10)] == ["own-long", "own-abc"]
    assert [c.client_id for c in await clients.list_registered(now=now, limit=1)] == ["own-long"]
    assert await clients.count_registered(now=now) == 2
    await clients.end("ann", now=now)
    assert [c.client_id for c in await clients.list_pre_registered(now=now)] == ["zed"]


async def test_expired_registrations_leave_the_list_when_others_come(clients, store, now):
    await clients.add(record(now), now=now)
    later = now + 2 * DAY
    await clients.add(record(later, client_id="own-later", expires_at=later + DAY), now=later)
    assert await store.command("ZRANGE", "sp:{registrations}:by_expiry", 0, -1) == ["own-later"]


async def test_a_registration_is_small(clients, store, now):
    """One attacker cannot fill the store: what is kept of a usual registration stays below two kilobytes."""
    await clients.add(record(now), now=now)
    assert await store.command("MEMORY", "USAGE", "sp:{client:own-abc}") < 2048
