"""The resolver: one read of the store serves a burst, and use keeps a client alive (interop.md A18)."""

from typing import Any

import pytest

from auth_service.clients.client import ClientKind
from auth_service.clients.client_metadata import ClientMetadata
from auth_service.clients.repository import ClientRepository, StoredClient
from auth_service.clients.resolver import CACHE_SECONDS, CACHE_SIZE, USE_INTERVAL_SECONDS, ClientResolver
from auth_service.protocol.errors import UnknownClient
from shared.errors import RedisUnavailable

DAY = 86_400


NO_CIMD: Any = None


class CountingRedisClient:
    """A real store whose round trips are counted, and which can be cut off."""

    def __init__(self, store):
        self._store = store
        self.trips = 0
        self.away = False

    async def command(self, *args):
        self._count()
        return await self._store.command(*args)

    async def run(self, script, keys, args):
        self._count()
        return await self._store.run(script, keys, args)

    async def pipeline(self, commands):
        self._count()
        return await self._store.pipeline(commands)

    def _count(self):
        if self.away:
            raise RedisUnavailable("away")
        self.trips += 1


class Clock:
    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
async def clock(store):
    return Clock(int((await store.command("TIME"))[0]))


@pytest.fixture
def monotonic():
    """The clock of a machine that has just started."""
    return Clock(0.0)


@pytest.fixture
def counting(store):
    return CountingRedisClient(store)


@pytest.fixture
def resolver(counting, clock, monotonic):
    return ClientResolver(
        ClientRepository(counting),
        cimd=NO_CIMD,
        registration_ttl_seconds=90 * DAY,
        clock=clock,
        monotonic=monotonic,
    )


def record(clock, client_id="own-a", kind=ClientKind.REGISTERED):
    metadata = ClientMetadata(("https://c.example/cb",), ("authorization_code",), "none")
    return StoredClient(client_id, kind, metadata, created_at=int(clock()), expires_at=int(clock()) + DAY)


async def test_a_client_that_was_just_read_costs_no_round_trip(resolver, counting, store, clock):
    """A refresh then costs one round trip in all: the grant's own."""
    await ClientRepository(store).add(record(clock), now=clock())
    first = await resolver.find("own-a")
    assert await resolver.find("own-a") == first
    assert counting.trips == 1


async def test_a_change_made_elsewhere_is_seen_after_the_memory_ends(resolver, store, clock, monotonic):
    await ClientRepository(store).add(record(clock), now=clock())
    await resolver.find("own-a")
    await ClientRepository(store).end("own-a", now=clock())
    monotonic.now += CACHE_SECONDS
    with pytest.raises(UnknownClient):
        await resolver.find("own-a")


async def test_a_clock_that_is_set_back_lengthens_neither_the_memory_nor_the_interval_of_use(
    resolver, store, clock, monotonic
):
    clients = ClientRepository(store)
    await clients.add(record(clock), now=clock())
    await resolver.record_use(await resolver.find("own-a"))
    clock.now += 60
    monotonic.now += USE_INTERVAL_SECONDS
    await resolver.record_use(await resolver.find("own-a"))
    assert (await clients.find("own-a", now=clock())).expires_at == clock() + 90 * DAY
    await clients.end("own-a", now=clock())
    clock.now -= 60
    monotonic.now += CACHE_SECONDS
    with pytest.raises(UnknownClient):
        await resolver.find("own-a")


async def test_an_unknown_client_is_looked_up_each_time(resolver, store, clock):
    with pytest.raises(UnknownClient):
        await resolver.find("own-a")
    await ClientRepository(store).add(record(clock), now=clock())
    assert (await resolver.find("own-a")).client_id == "own-a"


@pytest.mark.parametrize("client_id", ["", " ", "a b", "a\nb", "a}b", "{a", "*", "ä", "a" * 129, "a\x00", "a/b"])
async def test_an_id_of_a_form_that_is_never_issued_does_not_reach_the_store(resolver, counting, client_id):
    with pytest.raises(UnknownClient) as refused:
        await resolver.find(client_id)
    assert not refused.value.tombstone
    assert counting.trips == 0


async def test_an_ended_client_is_recognised_by_its_tombstone(resolver, store, clock):
    clients = ClientRepository(store)
    await clients.add(record(clock), now=clock())
    await clients.record_use("own-a", now=int(clock()), expires_at=int(clock()) + DAY)
    await clients.end("own-a", now=clock())
    with pytest.raises(UnknownClient) as refused:
        await resolver.find("own-a")
    assert refused.value.tombstone


async def test_the_memory_is_bounded(resolver, store, clock, monotonic):
    clients = ClientRepository(store)
    await clients.add(record(clock), now=clock())
    client = await resolver.find("own-a")
    for n in range(CACHE_SIZE + 10):
        resolver._cache[f"own-{n}"] = (monotonic() + CACHE_SECONDS, client)
    await clients.add(record(clock, "own-last"), now=clock())
    await resolver.find("own-last")
    assert len(resolver._cache) == CACHE_SIZE


async def test_use_slides_a_registration_and_is_written_rarely(resolver, counting, store, clock):
    await ClientRepository(store).add(record(clock), now=clock())
    client = await resolver.find("own-a")
    counting.trips = 0
    await resolver.record_use(client)
    written = counting.trips
    for _ in range(10):
        await resolver.record_use(client)
    assert counting.trips == written > 0
    found = await ClientRepository(store).find("own-a", now=clock())
    assert (found.used, found.expires_at) == (True, clock() + 90 * DAY)


async def test_a_client_in_steady_use_lives_on_for_ever(resolver, store, clock, monotonic):
    """Interop.md A18: nothing with a live grant is purged; a refresh an hour keeps the client."""
    clients = ClientRepository(store)
    await clients.add(record(clock), now=clock())
    client = await resolver.find("own-a")
    for _ in range(8):
        await resolver.record_use(client)
        clock.now += 30 * DAY
        monotonic.now += 30 * DAY
        assert (await resolver.find("own-a")).client_id == "own-a"


async def test_a_use_that_could_not_be_written_is_made_up_for_and_fails_no_request(resolver, counting, store, clock):
    await ClientRepository(store).add(record(clock), now=clock())
    client = await resolver.find("own-a")
    counting.away = True
    await resolver.record_use(client)
    counting.away = False
    clock.now += 1
    await resolver.record_use(client)
    assert (await ClientRepository(store).find("own-a", now=clock())).used


async def test_after_the_interval_use_is_written_again(resolver, store, clock, monotonic):
    await ClientRepository(store).add(record(clock), now=clock())
    client = await resolver.find("own-a")
    await resolver.record_use(client)
    clock.now += USE_INTERVAL_SECONDS
    monotonic.now += USE_INTERVAL_SECONDS
    await resolver.record_use(client)
    assert (await ClientRepository(store).find("own-a", now=clock())).expires_at == clock() + 90 * DAY


@pytest.mark.invariant(8)
async def test_a_store_that_is_away_is_a_fault(resolver, counting):
    """Never an unknown client."""
    counting.away = True
    with pytest.raises(RedisUnavailable):
        await resolver.find("own-a")


async def test_a_client_that_registered_again_after_its_end_is_recorded_as_used(resolver, store, clock, monotonic):
    clients = ClientRepository(store)
    await clients.add(record(clock), now=clock())
    await resolver.record_use(await resolver.find("own-a"))
    await clients.end("own-a", now=clock())
    await clients.add(record(clock), now=clock())
    monotonic.now += CACHE_SECONDS
    await resolver.record_use(await resolver.find("own-a"))
    assert (await clients.find("own-a", now=clock())).used
