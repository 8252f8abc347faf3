"""Rotation with a real store and a clock of the test's own."""

import secrets
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from auth_service.audit.log import AuditLog
from auth_service.audit.repository import AuditRepository
from auth_service.encryption import EncryptionKeys
from auth_service.keys.lifecycle import RotationPolicy, UnknownKey, initial_ring, next_removal_ms
from auth_service.keys.propagation import PropagationEvidence, PropagationStatus, ReplicaKeyVersion
from auth_service.keys.repository import KeyRingRepository, ReplicaVersionRepository
from auth_service.keys.rotator import RotationRequest, RotationResult, Rotator
from auth_service.keys.signer import new_key
from shared.errors import ServiceUnavailable

pytestmark = pytest.mark.store

KEYS = EncryptionKeys([secrets.token_bytes(32)])
INTERVAL, PUBLISH_LEAD, LIFETIME = 30 * 86_400, 600, 3600


class Deployment:
    """A ring in the store, and rotators on it that share one clock."""

    def __init__(self, store):
        self.now = 1_800_000_000.0
        self.repository, self.replica_versions = KeyRingRepository(store), ReplicaVersionRepository(store)
        self.audit = AuditLog(AuditRepository(store), CollectorRegistry())
        self.recorded: list[tuple[str, dict[str, Any]]] = []
        self.audit.record = self.record  # type: ignore[method-assign]  # the real log otherwise
        self.rotator = self.make()

    def record(self, event, **fields):
        self.recorded.append((event.value, fields))

    def make(self, *, algorithm="ES256"):
        policy = RotationPolicy(algorithm, INTERVAL * 1000, PUBLISH_LEAD * 1000, LIFETIME * 1000)
        return Rotator(
            repository=self.repository,
            replica_versions=self.replica_versions,
            encryption_keys=KEYS,
            policy=policy,
            audit=self.audit.acting_as("service"),
            clock=lambda: self.now,
        )

    @property
    def now_ms(self):
        return int(self.now * 1000)

    async def begin(self):
        ring = initial_ring(
            new_key("ES256", KEYS), new_key("ES256", KEYS), now_ms=self.now_ms, token_lifetime_ms=LIFETIME * 1000
        )
        assert await self.repository.put(ring, expected_version=0)

    async def shows(self, replica, version):
        reported = ReplicaKeyVersion(replica, version, self.now_ms, self.now_ms + 120_000)
        await self.replica_versions.record([reported], now_ms=self.now_ms, ttl_ms=10**9)

    async def ring(self):
        return await self.repository.read()


@pytest.fixture
async def deployment(store):
    made = Deployment(store)
    await made.begin()
    return made


async def test_a_key_that_every_live_verifier_has_shown_is_promoted(deployment):
    before = await deployment.ring()
    await deployment.shows("mcp-1", 1)
    deployment.now += 1
    done = await deployment.rotator.attempt(await deployment.rotator.request(since_ms=deployment.now_ms))
    assert done.by_this
    assert done.ring.active.kid == before.pending.kid
    assert [key.kid for key in done.ring.retiring] == [before.active.kid]
    assert done.ring == await deployment.ring()


async def test_the_next_rotation_waits_for_the_verifier_that_has_not_shown_the_newest_key(deployment):
    await deployment.shows("mcp-1", 1)
    await deployment.shows("mcp-2", 1)
    deployment.now += 1
    await deployment.rotator.attempt(await deployment.rotator.request(since_ms=deployment.now_ms))
    deployment.now += 1
    request = await deployment.rotator.request(since_ms=deployment.now_ms)
    await deployment.shows("mcp-1", 2)
    status = await deployment.rotator.attempt(request)
    assert status == PropagationStatus(PropagationEvidence.LAGGING, status.deadline_ms, ("mcp-2",))
    await deployment.shows("mcp-2", 2)
    assert isinstance(await deployment.rotator.attempt(request), RotationResult)


async def test_without_a_report_time_decides(deployment):
    request = await deployment.rotator.request(since_ms=deployment.now_ms + 1)
    deployment.now += PUBLISH_LEAD - 0.001
    assert (await deployment.rotator.attempt(request)).evidence is PropagationEvidence.UNIDENTIFIED
    deployment.now += 0.001
    assert isinstance(await deployment.rotator.attempt(request), RotationResult)


async def test_force_does_not_wait(deployment):
    await deployment.shows("mcp-1", 0)
    done = await deployment.rotator.attempt(
        await deployment.rotator.request(since_ms=deployment.now_ms + 1), force=True
    )
    assert done.by_this


async def test_a_request_that_another_rotator_has_fulfilled_is_done(deployment):
    one, two = deployment.make(), deployment.make()
    deployment.now += 1
    requests = [await rotator.request(since_ms=deployment.now_ms) for rotator in (one, two)]
    assert (await one.attempt(requests[0], force=True)).by_this
    done = await two.attempt(requests[1], force=True)
    assert not done.by_this
    assert done.ring.version == 2


async def test_a_rotation_completed_since_the_command_was_given_counts_for_it(deployment):
    """It was given at the same moment as the other, but was slower to start."""
    given_ms = deployment.now_ms + 500
    deployment.now += 1
    await deployment.rotator.attempt(await deployment.rotator.request(since_ms=deployment.now_ms), force=True)
    late = deployment.make()
    assert not (await late.attempt(await late.request(since_ms=given_ms), force=True)).by_this
    deployment.now += 1
    again = deployment.make()
    assert (await again.attempt(await again.request(since_ms=deployment.now_ms), force=True)).by_this


async def test_another_algorithm_is_published_first_and_signs_when_it_has_arrived(deployment):
    await deployment.shows("mcp-1", 1)
    deployment.now += 1
    rotator = deployment.make(algorithm="EdDSA")
    request = await rotator.request(since_ms=deployment.now_ms)
    assert (await rotator.attempt(request)).lagging == ("mcp-1",)
    published = await deployment.ring()
    assert (published.active.algorithm, published.pending.algorithm) == ("ES256", "EdDSA")
    await deployment.shows("mcp-1", published.version)
    done = await rotator.attempt(request)
    assert done.ring.active.kid == published.pending.kid
    assert (done.ring.active.algorithm, done.ring.pending.algorithm) == ("EdDSA", "EdDSA")


async def test_replicas_with_an_old_and_a_new_algorithm_do_not_replace_each_others_key(deployment):
    """While the setting is rolled out."""
    old, new = deployment.make(algorithm="ES256"), deployment.make(algorithm="EdDSA")
    await deployment.shows("mcp-1", 0)
    deployment.now += 1
    request = await new.request(since_ms=deployment.now_ms)
    for rotator in (new, old, new, old):
        await rotator.attempt(request)
    ring = await deployment.ring()
    assert (ring.version, ring.pending.algorithm) == (2, "EdDSA")


async def test_nothing_happens_before_its_time(deployment):
    before = await deployment.ring()
    deployment.now += INTERVAL - 0.001
    await deployment.rotator.run_due(before)
    assert await deployment.ring() == before
    assert deployment.recorded == []


async def test_the_scheduled_rotation_happens_when_the_interval_is_over_and_once(deployment):
    before = await deployment.ring()
    deployment.now += INTERVAL
    for rotator in (deployment.rotator, deployment.make(), deployment.make()):
        await rotator.run_due(before)
    after = await deployment.ring()
    assert after.active.kid == before.pending.kid
    assert after.version == 2
    assert [event for event, _fields in deployment.recorded] == ["key.promoted", "key.created"]


async def test_a_key_leaves_by_itself_when_its_last_token_has_expired(deployment):
    deployment.now += 1
    rotated = (
        await deployment.rotator.attempt(await deployment.rotator.request(since_ms=deployment.now_ms), force=True)
    ).ring
    removal_ms = next_removal_ms(rotated)
    assert removal_ms is not None
    deployment.now = removal_ms / 1000 - 0.001
    await deployment.rotator.run_due(rotated)
    assert await deployment.ring() == rotated
    deployment.now += 0.001
    await deployment.rotator.run_due(rotated)
    assert (await deployment.ring()).retiring == ()
    assert deployment.recorded[-1] == ("key.retired", {"kid": rotated.retiring[0].kid, "by": "service"})


async def test_a_withdrawn_key_is_gone_and_the_audit_log_says_why(deployment):
    before = await deployment.ring()
    after = await deployment.rotator.revoke(before.active.kid, reason="laptop stolen")
    assert after.active.kid == before.pending.kid
    assert before.active.kid not in {key.kid for key in after.keys}
    assert deployment.recorded[0] == (
        "key.revoked",
        {"kid": before.active.kid, "reason": "laptop stolen", "by": "service"},
    )
    assert [event for event, _fields in deployment.recorded[1:]] == ["key.promoted", "key.created"]


@pytest.mark.invariant(5)
async def test_withdrawing_a_pending_key_during_a_rotation_does_not_promote_it(deployment):
    """What was found to have arrived is not what would be promoted."""
    deployment.now += PUBLISH_LEAD
    request = await deployment.rotator.request(since_ms=deployment.now_ms)
    pending = (await deployment.ring()).pending.kid
    await deployment.rotator.revoke(pending, reason="test")
    assert (await deployment.rotator._promote(request, pending)) is None
    assert (await deployment.rotator.attempt(request)).evidence is PropagationEvidence.UNIDENTIFIED


async def test_withdrawing_an_unknown_key_is_told_and_not_recorded(deployment):
    with pytest.raises(UnknownKey):
        await deployment.rotator.revoke("unknown", reason="test")
    assert deployment.recorded == []


async def test_without_a_ring_a_command_says_so(store):
    with pytest.raises(ServiceUnavailable, match="no key ring"):
        await Deployment(store).rotator.attempt(RotationRequest("a", 0))
