"""Rotation with a real store and a clock of the test's own."""

import secrets

import pytest
from prometheus_client import CollectorRegistry

from auth_service.audit.log import AuditLog
from auth_service.audit.repository import AuditRepository
from auth_service.key_encryption import EncryptionKeys
from auth_service.keys.key_generation import new_key
from auth_service.keys.lifecycle import UnknownKey, first_ring, next_removal_ms
from auth_service.keys.propagation import PropagationEvidence, PropagationStatus, ReplicaKeyVersion
from auth_service.keys.replica_version_repository import ReplicaVersionRepository
from auth_service.keys.repository import KeyRingRepository
from auth_service.keys.rotator import RotationPolicy, RotationRequest, RotationResult, Rotator
from shared.errors import ServiceUnavailable

pytestmark = pytest.mark.store

KEYS = EncryptionKeys([secrets.token_bytes(32)])
INTERVAL, PROPAGATION, LIFETIME = 30 * 86_400, 600, 3600


class Room:
    """A ring in the store, and rotators on it that share one clock."""

    def __init__(self, store):
        self.now = 1_800_000_000.0
        self.storage, self.replica_versions = KeyRingRepository(store), ReplicaVersionRepository(store)
        self.audit = AuditLog(AuditRepository(store), CollectorRegistry())
        self.recorded = []
        self.audit.record = lambda event, **fields: self.recorded.append((event.value, fields))
        self.rotator = self.make()

    def make(self, *, algorithm="ES256"):
        policy = RotationPolicy(algorithm, INTERVAL * 1000, PROPAGATION * 1000, LIFETIME * 1000)
        return Rotator(
            storage=self.storage,
            replica_versions=self.replica_versions,
            encryption_keys=KEYS,
            policy=policy,
            audit=self.audit,
            by="service",
            clock=lambda: self.now,
        )

    @property
    def now_ms(self):
        return int(self.now * 1000)

    async def begin(self):
        ring = first_ring(
            new_key("ES256", KEYS), new_key("ES256", KEYS), now_ms=self.now_ms, token_lifetime_ms=LIFETIME * 1000
        )
        assert await self.storage.put(ring, expected_version=0)

    async def shows(self, replica, version):
        holder = ReplicaKeyVersion(replica, version, self.now_ms, self.now_ms + 120_000)
        await self.replica_versions.note([holder], now_ms=self.now_ms, keep_ms=10**9)

    async def ring(self):
        return await self.storage.read()


@pytest.fixture
async def room(store):
    made = Room(store)
    await made.begin()
    return made


async def test_a_key_that_every_live_verifier_has_shown_is_promoted(room):
    before = await room.ring()
    await room.shows("mcp-1", 1)
    room.now += 1
    done = await room.rotator.advance(await room.rotator.goal(since_ms=room.now_ms))
    assert done.by_this
    assert done.ring.active.kid == before.pending.kid
    assert [key.kid for key in done.ring.retiring] == [before.active.kid]
    assert done.ring == await room.ring()


async def test_the_next_rotation_waits_for_the_verifier_that_has_not_shown_the_newest_key(room):
    await room.shows("mcp-1", 1)
    await room.shows("mcp-2", 1)
    room.now += 1
    await room.rotator.advance(await room.rotator.goal(since_ms=room.now_ms))
    room.now += 1
    goal = await room.rotator.goal(since_ms=room.now_ms)
    await room.shows("mcp-1", 2)
    arrival = await room.rotator.advance(goal)
    assert arrival == PropagationStatus(PropagationEvidence.REPLICAS, arrival.certain_ms, ("mcp-2",))
    await room.shows("mcp-2", 2)
    assert isinstance(await room.rotator.advance(goal), RotationResult)


async def test_with_nobody_to_be_seen_time_decides(room):
    goal = await room.rotator.goal(since_ms=room.now_ms + 1)
    room.now += PROPAGATION - 0.001
    assert (await room.rotator.advance(goal)).evidence is PropagationEvidence.UNSEEN
    room.now += 0.001
    assert isinstance(await room.rotator.advance(goal), RotationResult)


async def test_force_waits_for_nobody(room):
    await room.shows("mcp-1", 0)
    done = await room.rotator.advance(await room.rotator.goal(since_ms=room.now_ms + 1), force=True)
    assert done.by_this


async def test_a_goal_that_somebody_else_has_reached_is_done(room):
    one, two = room.make(), room.make()
    room.now += 1
    goals = [await rotator.goal(since_ms=room.now_ms) for rotator in (one, two)]
    assert (await one.advance(goals[0], force=True)).by_this
    done = await two.advance(goals[1], force=True)
    assert not done.by_this
    assert done.ring.version == 2


async def test_a_rotation_completed_since_the_command_was_given_counts_for_it(room):
    """It was given at the same moment as the other, but was slower to start."""
    given_ms = room.now_ms + 500
    room.now += 1
    await room.rotator.advance(await room.rotator.goal(since_ms=room.now_ms), force=True)
    late = room.make()
    assert not (await late.advance(await late.goal(since_ms=given_ms), force=True)).by_this
    room.now += 1
    again = room.make()
    assert (await again.advance(await again.goal(since_ms=room.now_ms), force=True)).by_this


async def test_another_algorithm_is_published_first_and_signs_when_it_has_arrived(room):
    await room.shows("mcp-1", 1)
    room.now += 1
    rotator = room.make(algorithm="EdDSA")
    goal = await rotator.goal(since_ms=room.now_ms)
    assert (await rotator.advance(goal)).waiting_for == ("mcp-1",)
    published = await room.ring()
    assert (published.active.algorithm, published.pending.algorithm) == ("ES256", "EdDSA")
    await room.shows("mcp-1", published.version)
    done = await rotator.advance(goal)
    assert done.ring.active.kid == published.pending.kid
    assert (done.ring.active.algorithm, done.ring.pending.algorithm) == ("EdDSA", "EdDSA")


async def test_replicas_with_an_old_and_a_new_algorithm_do_not_replace_each_others_key(room):
    """While the setting is rolled out."""
    old, new = room.make(algorithm="ES256"), room.make(algorithm="EdDSA")
    await room.shows("mcp-1", 0)
    room.now += 1
    goal = await new.goal(since_ms=room.now_ms)
    for rotator in (new, old, new, old):
        await rotator.advance(goal)
    ring = await room.ring()
    assert (ring.version, ring.pending.algorithm) == (2, "EdDSA")


async def test_nothing_happens_before_its_time(room):
    before = await room.ring()
    room.now += INTERVAL - 0.001
    await room.rotator.tick(before)
    assert await room.ring() == before
    assert room.recorded == []


async def test_the_scheduled_rotation_happens_when_the_interval_is_over_and_once(room):
    before = await room.ring()
    room.now += INTERVAL
    for rotator in (room.rotator, room.make(), room.make()):
        await rotator.tick(before)
    after = await room.ring()
    assert after.active.kid == before.pending.kid
    assert after.version == 2
    assert [event for event, _fields in room.recorded] == ["key.promoted", "key.created"]


async def test_a_key_leaves_by_itself_when_its_last_token_has_expired(room):
    room.now += 1
    rotated = (await room.rotator.advance(await room.rotator.goal(since_ms=room.now_ms), force=True)).ring
    room.now = next_removal_ms(rotated) / 1000 - 0.001
    await room.rotator.tick(rotated)
    assert await room.ring() == rotated
    room.now += 0.001
    await room.rotator.tick(rotated)
    assert (await room.ring()).retiring == ()
    assert room.recorded[-1] == ("key.retired", {"kid": rotated.retiring[0].kid, "by": "service"})


async def test_a_withdrawn_key_is_gone_and_the_audit_log_says_why(room):
    before = await room.ring()
    after = await room.rotator.revoke(before.active.kid, reason="laptop stolen")
    assert after.active.kid == before.pending.kid
    assert before.active.kid not in {key.kid for key in after.keys}
    assert room.recorded[0] == (
        "key.revoked",
        {"kid": before.active.kid, "reason": "laptop stolen", "by": "service"},
    )
    assert [event for event, _fields in room.recorded[1:]] == ["key.promoted", "key.created"]


async def test_withdrawing_a_pending_key_during_a_rotation_does_not_promote_it(room):
    """Invariant 5: what was found to have arrived is not what would be promoted."""
    room.now += PROPAGATION
    goal = await room.rotator.goal(since_ms=room.now_ms)
    pending = (await room.ring()).pending.kid
    await room.rotator.revoke(pending, reason="test")
    assert (await room.rotator._promote(goal, pending)) is None
    assert (await room.rotator.advance(goal)).evidence is PropagationEvidence.UNSEEN


async def test_withdrawing_an_unknown_key_is_told_and_not_recorded(room):
    with pytest.raises(UnknownKey):
        await room.rotator.revoke("nobody", reason="test")
    assert room.recorded == []


async def test_without_a_ring_a_command_says_so(store):
    with pytest.raises(ServiceUnavailable, match="no key ring"):
        await Room(store).rotator.advance(RotationRequest("a", 0))
