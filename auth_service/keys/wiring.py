"""Builds the signing keys: the ring, its rotation, the tracking of its propagation, and the JWKS endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auth_service.keys.jwks_endpoint import JwksEndpoint
from auth_service.keys.key_ring import KeyRing
from auth_service.keys.metrics import watch_key_ring
from auth_service.keys.propagation_tracker import PropagationTracker
from auth_service.keys.replica_version_repository import ReplicaVersionRepository
from auth_service.keys.repository import KeyRingRepository
from auth_service.keys.rotator import RotationPolicy, Rotator
from auth_service.keys.schedule import RotationSchedule

if TYPE_CHECKING:
    from auth_service.audit.log import AuditLog
    from auth_service.key_encryption import EncryptionKeys
    from auth_service.runtime import Runtime


@dataclass(frozen=True, slots=True)
class KeyComponents:
    """The ring signs and verifies; tracker and schedule are background tasks."""

    ring: KeyRing
    tracker: PropagationTracker
    schedule: RotationSchedule
    endpoint: JwksEndpoint


def wire_keys(runtime: Runtime, *, encryption_keys: EncryptionKeys, audit: AuditLog) -> KeyComponents:
    """Build the components; `ring.start`, `tracker.start` and `schedule.start` begin their tasks, in this order."""
    settings = runtime.settings
    repository = KeyRingRepository(runtime.redis)
    replica_versions = ReplicaVersionRepository(runtime.redis)
    policy = RotationPolicy.from_settings(settings)
    ring = KeyRing(
        storage=repository,
        encryption_keys=encryption_keys,
        algorithm=settings.signing_algorithm,
        token_lifetime_seconds=settings.access_token_ttl,
        log=runtime.log,
        clock=runtime.clock,
    )
    rotator = Rotator(
        storage=repository,
        replica_versions=replica_versions,
        encryption_keys=encryption_keys,
        policy=policy,
        audit=audit,
        by="service",
        clock=runtime.clock,
    )
    watch_key_ring(
        runtime.registry, ring, rotation_interval_seconds=settings.key_rotation_interval, clock=runtime.clock
    )
    tracker = PropagationTracker(replica_versions, propagation_ms=policy.propagation_ms, clock=runtime.clock)
    return KeyComponents(
        ring=ring,
        tracker=tracker,
        schedule=RotationSchedule(key_ring=ring, rotator=rotator, log=runtime.log),
        endpoint=JwksEndpoint(key_ring=ring, notes=tracker, max_age_seconds=settings.key_set_max_age),
    )
