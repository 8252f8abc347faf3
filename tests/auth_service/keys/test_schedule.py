"""Rotation by itself, by several replicas at once."""

import asyncio

import pytest
import structlog

from auth_service.keys.key_ring import KeyRing
from auth_service.keys.lifecycle import RotationPolicy
from auth_service.keys.rotator import RotationSchedule
from tests.auth_service.keys.test_rotator import INTERVAL, KEYS, Deployment
from tests.support.supervisor import new_supervisor

pytestmark = pytest.mark.store


def replica(deployment, store):
    ring = KeyRing(
        repository=deployment.repository,
        encryption_keys=KEYS,
        policy=RotationPolicy("ES256", 10**12, 600_000, 3_600_000),
        log=structlog.get_logger(),
    )
    return ring, RotationSchedule(
        key_ring=ring, rotator=deployment.make(), log=structlog.get_logger(), check_seconds=0.02
    )


async def test_replicas_that_all_find_a_rotation_due_make_one(store):
    deployment = Deployment(store)
    await deployment.begin()
    before = await deployment.ring()
    replicas = [replica(deployment, store) for _ in range(3)]
    for ring, schedule in replicas:
        await ring.start(new_supervisor())
        await schedule.start(new_supervisor())
    changed = [ring.changed for ring, _schedule in replicas]
    deployment.now += INTERVAL
    async with asyncio.timeout(20):
        for event in changed:
            await event.wait()
    await asyncio.sleep(0.2)  # time enough for a second rotation, were there one
    for ring, schedule in replicas:
        await schedule.stop()
        await ring.stop()
    after = await deployment.ring()
    assert after.version == 2
    assert after.active.kid == before.pending.kid
    assert [event for event, _fields in deployment.recorded] == ["key.promoted", "key.created"]


async def test_a_store_that_is_away_puts_a_rotation_off_and_does_not_end_it(store):
    deployment = Deployment(store)
    await deployment.begin()
    ring, schedule = replica(deployment, store)
    await ring.refresh()
    asked = asyncio.Event()
    attempt, failures = schedule._rotator.attempt, 2

    async def failing(request):
        nonlocal failures
        if failures:
            failures -= 1
            await deployment.replica_versions._redis.command("NOT-A-COMMAND")
        asked.set()
        return await attempt(request)

    schedule._rotator.attempt = failing
    deployment.now += INTERVAL
    await schedule.start(new_supervisor())
    await asyncio.wait_for(asked.wait(), 20)
    await schedule.stop()
    assert failures == 0
