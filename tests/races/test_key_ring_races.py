"""Several replicas at once: one ring at the first start, one rotation each time."""

import asyncio
import secrets
import sys
import time

import pytest
import structlog
from prometheus_client import CollectorRegistry

from auth_service.audit.log import AuditLog
from auth_service.audit.repository import AuditRepository
from auth_service.encryption import EncryptionKeys
from auth_service.keys.key_ring import KeyRing
from auth_service.keys.lifecycle import RotationPolicy
from auth_service.keys.repository import KeyRingRepository, ReplicaVersionRepository
from auth_service.keys.rotator import Rotator
from devstack.embedded_store import EmbeddedStore
from shared.errors import RedisUnavailable
from shared.redis.single import SingleRedisClient
from shared.redis.topology import open_redis_client
from tests.support.ring_tokens import sign, verify

pytestmark = [pytest.mark.store, pytest.mark.invariant(3)]

SECRET = secrets.token_bytes(32)
KEYS = EncryptionKeys([SECRET])


def ring_on(store):
    return KeyRing(
        repository=KeyRingRepository(store),
        encryption_keys=KEYS,
        policy=RotationPolicy("ES256", 10**12, 600_000, 3_600_000),
        log=structlog.get_logger(),
    )


def rotator_on(store):
    return Rotator(
        repository=KeyRingRepository(store),
        replica_versions=ReplicaVersionRepository(store),
        encryption_keys=KEYS,
        policy=RotationPolicy("ES256", 10**12, 0, 3_600_000),
        audit=AuditLog(AuditRepository(store), CollectorRegistry()).acting_as("operator"),
    )


@pytest.fixture
async def stores(store_url):
    """Connections of their own, as of so many processes."""
    opened = [open_redis_client(store_url) for _ in range(5)]
    yield opened
    for store in opened:
        await store.close()


async def test_replicas_that_start_at_once_make_one_ring(stores):
    for _ in range(20):
        await stores[0].command("FLUSHDB")
        rings = [ring_on(store) for store in stores]
        await asyncio.gather(*(ring.refresh() for ring in rings))
        assert len({ring.ring.active.kid for ring in rings}) == 1
        assert {ring.ring.version for ring in rings} == {1}
        token = sign(rings[0])
        assert all([await verify(ring, token) for ring in rings])


async def test_processes_that_start_at_once_make_one_ring(store, store_url):
    program = f"""
import asyncio, structlog
from auth_service.keys.key_ring import KeyRing
from auth_service.encryption import EncryptionKeys
from auth_service.keys.lifecycle import RotationPolicy
from auth_service.keys.repository import KeyRingRepository
from shared.redis.topology import open_redis_client
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))

async def main():
    store = open_redis_client({store_url!r})
    ring = KeyRing(repository=KeyRingRepository(store),
                   encryption_keys=EncryptionKeys([bytes.fromhex({SECRET.hex()!r})]),
                   policy=RotationPolicy("ES256", 10**12, 600_000, 3_600_000), log=structlog.get_logger())
    await store.command("INCR", "sp:{{started}}")
    while int(await store.command("GET", "sp:{{started}}")) < 4:
        await asyncio.sleep(0.001)
    await ring.refresh()
    print(ring.ring.active.kid, ring.ring.version)
    await store.close()

asyncio.run(main())
"""
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
        for _ in range(4)
    ]
    said = {(await process.communicate())[0] for process in processes}
    assert [process.returncode for process in processes] == [0] * 4
    assert len(said) == 1
    assert (await KeyRingRepository(store).read()).version == 1


def activated_ms(ring):
    return ring.active.activated_ms


async def test_two_concurrent_rotations_are_one_in_each_of_fifty_rounds(stores):
    await ring_on(stores[0]).refresh()
    storage = KeyRingRepository(stores[0])
    for turn in range(50):
        before = await storage.read()
        rotators = [rotator_on(store) for store in stores[:2]]
        since_ms = max(int(time.time() * 1000), activated_ms(before) + 1)
        requests = [await rotator.request(since_ms=since_ms) for rotator in rotators]
        both = [rotator.attempt(request) for rotator, request in zip(rotators, requests, strict=True)]
        done = await asyncio.gather(*both)
        after = await storage.read()
        assert sorted(one.by_this for one in done) == [False, True]
        assert after.version == before.version + 1 == turn + 2
        assert after.active.kid == before.pending.kid


async def test_rotations_and_withdrawals_at_once_leave_a_whole_ring_every_time(stores):
    await ring_on(stores[0]).refresh()
    storage = KeyRingRepository(stores[0])
    for _ in range(20):
        before = await storage.read()
        rotators = [rotator_on(store) for store in stores]
        requests = [await rotator.request(since_ms=activated_ms(before) + 1) for rotator in rotators[:3]]
        await asyncio.gather(
            *(rotator.attempt(request) for rotator, request in zip(rotators, requests, strict=False)),
            rotators[3].revoke(before.active.kid, reason="test"),
            rotators[4].revoke(before.pending.kid, reason="test"),
            return_exceptions=False,
        )
        after = await storage.read()
        assert {before.active.kid, before.pending.kid}.isdisjoint(key.kid for key in after.keys)
        assert after.active.kid != before.active.kid


@pytest.mark.invariant(3)
async def test_a_store_that_is_killed_during_rotations_keeps_a_whole_ring(tmp_path):
    """Every acknowledged rotation is stored afterwards, and one key is active."""
    with EmbeddedStore(tmp_path) as server:
        store = SingleRedisClient(server.url)
        ring = ring_on(store)
        await ring.refresh()
        storage, token = KeyRingRepository(store), sign(ring)
        for _ in range(5):
            acknowledged = (await storage.read()).version
            rotating = asyncio.create_task(rotate_until_the_store_is_gone(store))
            await asyncio.sleep(secrets.randbelow(50) / 1000)
            server.stop(kill=True)
            acknowledged = max(acknowledged, await rotating)
            server.__enter__()
            after = await storage.read()
            assert after.version >= acknowledged
            await ring.refresh()
            await verify(ring, token)
            ring.sign({}, typ="at+jwt")
        await store.close()


async def rotate_until_the_store_is_gone(store):
    rotator, acknowledged = rotator_on(store), 0
    try:
        while True:
            request = await rotator.request(since_ms=int(time.time() * 1000) + 10**6)
            acknowledged = (await rotator.attempt(request)).ring.version
    except RedisUnavailable:
        return acknowledged


async def test_a_replica_that_starts_during_a_rotation_takes_part_in_the_same_ring(stores):
    await ring_on(stores[0]).refresh()
    for _ in range(10):
        rotator = rotator_on(stores[0])
        request = await rotator.request(since_ms=int(time.time() * 1000) + 10**6)
        starting = ring_on(stores[1])
        await asyncio.gather(rotator.attempt(request), starting.refresh())
        await starting.refresh()
        assert starting.ring == await KeyRingRepository(stores[2]).read()
