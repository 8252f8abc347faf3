"""The budget of open registration under concurrent replicas: it holds, and no client in use pays for it."""

import asyncio
import itertools
from unittest.mock import AsyncMock, patch

import pytest

from auth_service.clients import registration_budget
from auth_service.clients.client import ClientKind
from auth_service.clients.client_metadata import ClientMetadata
from auth_service.clients.registration_budget import (
    CHARGE_UNIT_BYTES,
    GIVE_UP_SECONDS,
    LEFT_BEHIND_SECONDS,
    RegistrationSource,
)
from auth_service.clients.repository import ClientRepository, StoredClient
from shared.redis.client import Script

pytestmark = pytest.mark.store

BUDGET = 64 * CHARGE_UNIT_BYTES
SHARE = BUDGET // 2
PLACES = SHARE // CHARGE_UNIT_BYTES
NOW = 4_000_000_000
DAY = 86_400
LATER = NOW + LEFT_BEHIND_SECONDS
HOME = RegistrationSource("198.51.100.7/32", "198.51.100.0/24")
EGRESS = RegistrationSource("160.79.104.10/32", "160.79.104.0/24", "shared")


def attacker(number, *, share="open"):
    return RegistrationSource(f"203.0.{number}.1/32", f"203.0.{number}.0/24", share)


def record(client_id, *, now=NOW, name="Client"):
    return StoredClient(
        client_id=client_id,
        kind=ClientKind.REGISTERED,
        metadata=ClientMetadata(
            redirect_uris=("https://client.example/cb",),
            grant_types=("authorization_code", "refresh_token"),
            authentication_method="none",
            client_name=name,
        ),
        created_at=now,
        expires_at=now + DAY,
        management_hash="aa" * 32,
    )


@pytest.fixture
def replicas(stores):
    return [ClientRepository(store, budget_bytes=BUDGET) for store in stores]


@pytest.fixture
def clients(replicas):
    return replicas[0]


async def add(clients, client_id, source, *, now=NOW):
    await clients.add(record(client_id, now=now), now=now, source=source)


async def flood(clients, count, source=None, *, prefix="flood"):
    for number in range(count):
        await add(clients, f"{prefix}-{number}", source or attacker(number % 5))


async def found(clients, *client_ids, now=NOW):
    return [isinstance(await clients.find(client_id, now=now), StoredClient) for client_id in client_ids]


async def stored_ids(store):
    names = [name async for page in store.scan("sp:{client:*") for name in page]
    return {name.removeprefix("sp:{client:").removesuffix("}") for name in names}


async def check_accounts(store):
    """Every sum is that of the entries, and every structure holds the same entries."""
    entries = await store.command("HGETALL", "sp:{registrations}:entries")
    sums: dict[str | tuple[str, str], int] = {}
    members = set()
    for client_id, entry in entries.items():
        share, site, subscriber, stamp, charge = entry.split(" ")
        for name in (share, f"{share} {subscriber}", (share, site)):
            sums[name] = sums.get(name, 0) + int(charge)
        members.add(f"{share} {site} {stamp} {client_id}")
    held = await store.command("HGETALL", "sp:{registrations}:bytes")
    assert {k: int(v) for k, v in held.items() if k != "stamp" and int(v)} == {
        k: v for k, v in sums.items() if isinstance(k, str)
    }
    assert set(await store.command("ZRANGE", "sp:{registrations}:by_site", 0, -1)) == members
    for share in ("open", "shared"):
        sites = await store.command("ZRANGE", f"sp:{{registrations}}:{share}_sites", 0, -1, "WITHSCORES")
        pairs = list(itertools.chain.from_iterable(p if isinstance(p, list | tuple) else [p] for p in sites))
        weights = {site: int(float(score)) for site, score in zip(pairs[::2], pairs[1::2], strict=True)}
        assert weights == {k[1]: v for k, v in sums.items() if isinstance(k, tuple) and k[0] == share}
        assert sums.get(share, 0) <= SHARE
    return entries


async def test_concurrent_replicas_stay_within_the_budget_and_account_for_every_record(replicas, store):
    """Uses, ends and repeated registrations at the same time as a flood from several networks."""
    used = [f"used-{number}" for number in range(8)]

    async def flooding(clients, replica):
        for number in range(40):
            await add(
                clients, f"flood-{replica}-{number}", attacker(number % 3, share="open" if replica % 2 else "shared")
            )
            if number % 10 == 5:
                await clients.end(f"flood-{replica}-{number}", now=NOW)
            await add(clients, "shared-same", attacker(replica))

    async def using(clients, client_id):
        await add(clients, client_id, attacker(0))
        assert await clients.record_use(client_id, now=NOW, expires_at=NOW + 90 * DAY)

    await asyncio.gather(
        *(flooding(clients, number) for number, clients in enumerate(replicas)),
        *(using(clients, client_id) for clients, client_id in zip(replicas, used, strict=True)),
    )
    await add(replicas[0], "last", HOME)
    entries = await check_accounts(store)
    assert await store.command("ZCARD", "sp:{registrations}:evicted") == 0
    assert await stored_ids(store) == entries.keys() | set(used)
    assert all(await found(replicas[0], *used))


async def test_the_oldest_registration_of_the_heaviest_site_is_evicted_first(clients, store):
    await add(clients, "honest", HOME)
    await flood(clients, PLACES, attacker(1))
    assert await found(clients, "honest", "flood-0", "flood-1") == [True, False, True]
    await flood(clients, 3 * PLACES, prefix="more")
    assert await found(clients, "honest") == [True]
    await check_accounts(store)


async def test_within_a_site_a_registration_of_the_heaviest_subscriber_is_evicted_first(clients):
    """A neighbour in the same /24 or /48 keeps its registration."""
    neighbour = RegistrationSource("203.0.1.99/32", "203.0.1.0/24")
    await add(clients, "neighbour", neighbour)
    await flood(clients, 2 * PLACES, attacker(1))
    assert await found(clients, "neighbour") == [True]


async def test_shared_networks_and_all_others_do_not_displace_each_other(clients):
    await add(clients, "hosted", EGRESS)
    await flood(clients, 3 * PLACES)
    assert await found(clients, "hosted") == [True]
    await add(clients, "home", HOME)
    await flood(clients, 3 * PLACES, attacker(9, share="shared"), prefix="shared")
    assert await found(clients, "hosted", "home") == [True, True]


async def test_a_registration_of_a_shared_network_is_not_drawn_into_the_open_share(clients, store):
    """An attacker who repeats Claude's registration does not make it theirs."""
    await add(clients, "shared-claude", EGRESS)
    await add(clients, "shared-claude", attacker(1))
    await flood(clients, 3 * PLACES, attacker(1))
    assert await found(clients, "shared-claude") == [True]
    await check_accounts(store)


@pytest.mark.parametrize("networks", [PLACES + 1, 4 * PLACES])
async def test_a_new_registration_is_stored_where_each_network_has_one(clients, store, networks):
    for number in range(networks):
        await add(clients, f"flood-{number}", attacker(number))
    for number in range(2 * PLACES):
        await add(clients, f"honest-{number}", RegistrationSource(f"198.51.{number}.7/32", f"198.51.{number}.0/24"))
        assert await found(clients, f"honest-{number}") == [True]
    await check_accounts(store)


async def test_a_used_client_is_never_evicted_and_leaves_the_budget(clients, store):
    await add(clients, "used", attacker(1))
    assert await clients.record_use("used", now=NOW, expires_at=NOW + 90 * DAY)
    assert await check_accounts(store) == {}
    await add(clients, "used", attacker(1))
    assert await check_accounts(store) == {}
    await flood(clients, 3 * PLACES, attacker(1))
    assert await found(clients, "used") == [True]


async def evict(clients, store, client_id):
    """Make the entry of a registration move to `evicted`, by a replica that stops before it deletes the client."""
    await add(clients, client_id, attacker(1))

    stopping = ClientRepository(store, budget_bytes=BUDGET)
    with patch.object(stopping._budget, "carry_out", AsyncMock(return_value=0)):
        await flood(stopping, PLACES, attacker(1))
    (member,) = await store.command("ZRANGE", "sp:{registrations}:evicted", 0, -1)
    assert member.split(" ")[0] == client_id


async def test_an_eviction_that_a_replica_left_is_carried_out_by_the_next(clients, store):
    await evict(clients, store, "victim")
    assert await found(clients, "victim") == [True]
    await add(clients, "next", HOME, now=LATER)
    assert await found(clients, "victim") == [False]
    assert await store.command("ZCARD", "sp:{registrations}:evicted") == 0
    assert "victim" not in await store.command("ZRANGE", "sp:{registrations}:by_expiry", 0, -1)


async def test_an_eviction_that_fails_does_not_fail_the_new_registration(clients, store):
    """The new one is stored by then: it must be answered."""
    await evict(clients, store, "victim")
    with patch.object(registration_budget, "_EVICT", Script("fails", "return redis.error_reply('away')")):
        await add(clients, "next", HOME, now=LATER)
    assert await found(clients, "next", "victim") == [True, True]
    await add(clients, "later", HOME, now=LATER)
    assert await found(clients, "victim") == [False]


async def test_a_client_that_is_used_between_the_steps_of_its_eviction_stays(clients, store):
    await evict(clients, store, "victim")
    assert await clients.record_use("victim", now=NOW, expires_at=NOW + 90 * DAY)
    await add(clients, "next", HOME, now=LATER)
    assert await found(clients, "victim") == [True]
    assert "victim" in await store.command("ZRANGE", "sp:{registrations}:by_expiry", 0, -1)
    assert await store.command("ZCARD", "sp:{registrations}:evicted") == 0


async def test_a_client_that_is_used_while_its_update_is_stored_stays(clients):
    """The update was prepared before the first use, and gives the record a new stamp after it."""
    await add(clients, "own-updated", attacker(1))
    prepared = await clients.find("own-updated", now=NOW)
    assert await clients.record_use("own-updated", now=NOW, expires_at=NOW + 90 * DAY)
    assert await clients.replace(prepared, management_hash="aa" * 32, now=NOW, source=attacker(1))
    await flood(clients, 3 * PLACES, attacker(1))
    assert await found(clients, "own-updated") == [True]


async def test_a_client_that_registers_again_after_its_deletion_stays_in_the_index(clients, store):
    await evict(clients, store, "victim")
    (member,) = await store.command("ZRANGE", "sp:{registrations}:evicted", 0, -1)
    await store.command("DEL", "sp:{client:victim}")
    await add(clients, "victim", HOME)
    await store.run(registration_budget._FORGET, registration_budget._FORGET_KEYS, [*member.split(" "), 1])
    assert "victim" in await store.command("ZRANGE", "sp:{registrations}:by_expiry", 0, -1)


async def test_a_client_that_registers_again_between_the_steps_of_its_eviction_stays(clients, store):
    await evict(clients, store, "victim")
    await add(clients, "victim", HOME)
    assert await found(clients, "victim") == [True]
    assert "victim" in await store.command("HKEYS", "sp:{registrations}:entries")
    assert "victim" in await store.command("ZRANGE", "sp:{registrations}:by_expiry", 0, -1)
    await check_accounts(store)


async def test_a_registration_that_is_evicted_before_it_is_stored_is_deleted_afterwards(clients, store):
    await evict(clients, store, "victim")
    await store.command("RENAME", "sp:{client:victim}", "sp:{client:victim}later")
    await add(clients, "next", HOME, now=LATER)
    assert await store.command("ZCARD", "sp:{registrations}:evicted") == 1
    await store.command("RENAME", "sp:{client:victim}later", "sp:{client:victim}")
    await add(clients, "later", HOME, now=LATER)
    assert await found(clients, "victim") == [False]
    assert await store.command("ZCARD", "sp:{registrations}:evicted") == 0


async def test_a_registration_that_was_never_stored_is_given_up(clients, store):
    await evict(clients, store, "victim")
    await store.command("DEL", "sp:{client:victim}")
    await add(clients, "next", HOME, now=LATER)
    assert await store.command("ZCARD", "sp:{registrations}:evicted") == 1
    await add(clients, "later", HOME, now=NOW + GIVE_UP_SECONDS + 1)
    assert await store.command("ZCARD", "sp:{registrations}:evicted") == 0


async def test_expired_registrations_make_room_before_others_are_evicted(clients, store):
    await flood(clients, PLACES, attacker(1))
    later = NOW + DAY + 1
    await add(clients, "honest", attacker(1), now=later)
    assert (await check_accounts(store)).keys() == {"honest"}


async def test_an_update_is_charged_with_its_new_size(clients, store):
    await add(clients, "own-growing", HOME)
    large = ClientMetadata(
        redirect_uris=tuple(f"https://client.example/{n}" + "r" * 900 for n in range(4)),
        grant_types=("authorization_code", "refresh_token"),
        authentication_method="none",
    )
    stored = await clients.find("own-growing", now=NOW)
    changed = StoredClient(**{f: getattr(stored, f) for f in StoredClient.__slots__} | {"metadata": large})
    assert await clients.replace(changed, management_hash="aa" * 32, now=NOW, source=HOME)
    (entry,) = (await check_accounts(store)).values()
    assert int(entry.split(" ")[-1]) == 3 * CHARGE_UNIT_BYTES
    await flood(clients, 3 * PLACES)
    assert await found(clients, "own-growing") == [True]


async def test_a_burst_of_registrations_leaves_no_eviction_undone(clients, store):
    await flood(clients, PLACES, attacker(1))
    await asyncio.gather(*(add(clients, f"burst-{number}", attacker(2)) for number in range(4 * PLACES)))
    for number in range(8):  # each carries out some evictions of clients that were not stored yet
        await add(clients, f"later-{number}", attacker(2), now=LATER)
    assert await stored_ids(store) == (await check_accounts(store)).keys()
    assert await store.command("ZCARD", "sp:{registrations}:evicted") == 0
