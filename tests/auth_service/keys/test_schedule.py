"""Rotation by itself, by several replicas at once."""

import asyncio
from collections import Counter
from typing import Any

import pytest
import structlog

from auth_service.keys.key_ring import KeyRing
from auth_service.keys.lifecycle import RotationPolicy
from auth_service.keys.rotator import RotationSchedule
from tests.auth_service.keys.test_rotator import INTERVAL, KEYS, Deployment
from tests.support.supervisor import new_supervisor

pytestmark = pytest.mark.store


class Checks:
    """A rotator that counts how often a ring of each version was found due or not."""

    def __init__(self, rotator):
        self.rotator = rotator
        self.of_version: Counter[int] = Counter()
        self.done = asyncio.Condition()

    async def run_due(self, ring):
        await self.rotator.run_due(ring)
        self.of_version[ring.version] += 1
        async with self.done:
            self.done.notify_all()

    async def twice(self, version):
        """Until a ring of this version was looked at two times."""
        async with self.done:
            await self.done.wait_for(lambda: self.of_version[version] >= 2)


def replica(deployment):
    ring = KeyRing(
        repository=deployment.repository,
        encryption_keys=KEYS,
        policy=RotationPolicy("ES256", 10**12, 600_000, 3_600_000),
        log=structlog.get_logger(),
    )
    checks: Any = Checks(deployment.make())
    schedule = RotationSchedule(key_ring=ring, rotator=checks, log=structlog.get_logger(), check_seconds=0.02)
    return ring, schedule, checks


async def test_replicas_that_all_find_a_rotation_due_make_one(store):
    deployment = Deployment(store)
    await deployment.begin()
    before = await deployment.ring()
    replicas = [replica(deployment) for _ in range(3)]
    for ring, schedule, _checks in replicas:
        await ring.start(new_supervisor())
        await schedule.start(new_supervisor())
    deployment.now += INTERVAL
    async with asyncio.timeout(20):
        # Each has had the chance of a second rotation.
        for _ring, _schedule, checks in replicas:
            await checks.twice(2)
    for ring, schedule, _checks in replicas:
        await schedule.stop()
        await ring.stop()
    after = await deployment.ring()
    assert after.version == 2
    assert after.active.kid == before.pending.kid
    assert [event for event, _fields in deployment.recorded] == ["key.promoted", "key.created"]


async def test_a_store_that_is_away_puts_a_rotation_off_and_does_not_end_it(store):
    deployment = Deployment(store)
    await deployment.begin()
    ring, schedule, checks = replica(deployment)
    await ring.refresh()
    asked = asyncio.Event()
    attempt, failures = checks.rotator.attempt, 2

    async def failing(request):
        nonlocal failures
        if failures:
            failures -= 1
            await deployment.replica_versions._redis.command("NOT-A-COMMAND")
        asked.set()
        return await attempt(request)

    checks.rotator.attempt = failing
    deployment.now += INTERVAL
    await schedule.start(new_supervisor())
    await asyncio.wait_for(asked.wait(), 20)
    await schedule.stop()
    assert failures == 0
