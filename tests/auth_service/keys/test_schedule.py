"""Rotation by itself, by several replicas at once."""

import asyncio

import pytest
import structlog

from auth_service.keys.key_ring import KeyRing
from auth_service.keys.schedule import RotationSchedule
from tests.auth_service.keys.test_rotator import INTERVAL, KEYS, Room
from tests.support.supervisor import new_supervisor

pytestmark = pytest.mark.store


def replica(room, store):
    ring = KeyRing(
        storage=room.storage,
        encryption_keys=KEYS,
        algorithm="ES256",
        token_lifetime_seconds=3600,
        log=structlog.get_logger(),
    )
    return ring, RotationSchedule(
        key_ring=ring, rotator=room.make(), log=structlog.get_logger(), look_every_seconds=0.02
    )


async def test_replicas_that_all_find_a_rotation_due_make_one(store):
    room = Room(store)
    await room.begin()
    before = await room.ring()
    replicas = [replica(room, store) for _ in range(3)]
    for ring, schedule in replicas:
        await ring.start(new_supervisor())
        await schedule.start(new_supervisor())
    changed = [ring.changed for ring, _schedule in replicas]
    room.now += INTERVAL
    async with asyncio.timeout(20):
        for event in changed:
            await event.wait()
    await asyncio.sleep(0.2)  # time enough for a second rotation, were there one
    for ring, schedule in replicas:
        await schedule.stop()
        await ring.stop()
    after = await room.ring()
    assert after.version == 2
    assert after.active.kid == before.pending.kid
    assert [event for event, _fields in room.recorded] == ["key.promoted", "key.created"]


async def test_a_store_that_is_away_puts_a_rotation_off_and_does_not_end_it(store):
    room = Room(store)
    await room.begin()
    ring, schedule = replica(room, store)
    await ring.refresh()
    asked = asyncio.Event()
    advance, failures = schedule._rotator.advance, 2

    async def failing(goal):
        nonlocal failures
        if failures:
            failures -= 1
            await room.replica_versions._store.command("NOT-A-COMMAND")
        asked.set()
        return await advance(goal)

    schedule._rotator.advance = failing
    room.now += INTERVAL
    await schedule.start(new_supervisor())
    await asyncio.wait_for(asked.wait(), 20)
    await schedule.stop()
    assert failures == 0
