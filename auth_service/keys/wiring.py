"""Builds the components of this package. Commands use it too, so the web server is not loaded before it is needed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client import Gauge

from auth_service.keys.key_ring import KeyRing
from auth_service.keys.lifecycle import RingKeyState, RotationPolicy, rotation_due_ms
from auth_service.keys.propagation_tracker import PropagationTracker
from auth_service.keys.repository import KeyRingRepository, ReplicaVersionRepository
from auth_service.keys.rotator import RotationSchedule, Rotator
from auth_service.keys.signer import ThreadedSigner
from auth_service.keys.signing_thread import SigningThread, usable_cores
from auth_service.keys.signing_trials import SigningTrials
from shared.errors import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import CollectorRegistry

    from auth_service.audit.log import AuditLog
    from auth_service.encryption import EncryptionKeys
    from auth_service.keys.jwks_endpoint import JwksEndpoint
    from auth_service.keys.lifecycle import Ring
    from auth_service.runtime import Runtime
    from auth_service.settings import AuthSettings


@dataclass(frozen=True, slots=True)
class KeyComponents:
    """The ring signs and verifies; the signer signs with it, in a thread where that is faster.

    Ring, tracker and schedule have background tasks, to be started in this order.
    """

    ring: KeyRing
    signer: ThreadedSigner
    tracker: PropagationTracker
    schedule: RotationSchedule
    endpoint: JwksEndpoint


def wire_keys(runtime: Runtime, *, encryption_keys: EncryptionKeys, audit: AuditLog) -> KeyComponents:
    """Build the components; nothing is started."""
    from auth_service.keys.jwks_endpoint import JwksEndpoint

    settings, clock = runtime.settings, runtime.clock
    repository = KeyRingRepository(runtime.redis)
    replica_versions = ReplicaVersionRepository(runtime.redis)
    policy = rotation_policy(settings)
    ring = KeyRing(repository=repository, encryption_keys=encryption_keys, policy=policy, log=runtime.log, clock=clock)
    rotator = Rotator(
        repository=repository,
        replica_versions=replica_versions,
        encryption_keys=encryption_keys,
        policy=policy,
        audit=audit.acting_as("service"),
        clock=clock,
    )
    tracker = PropagationTracker(replica_versions, publish_lead_ms=policy.publish_lead_ms, clock=clock)
    export_key_metrics(runtime.registry, ring, policy=policy, clock=clock)
    return KeyComponents(
        ring=ring,
        signer=ThreadedSigner(
            ring,
            thread=SigningThread(),
            trials=SigningTrials(cores=usable_cores(), process_time=time.process_time),
            monotonic=runtime.monotonic,
            registry=runtime.registry,
        ),
        tracker=tracker,
        schedule=RotationSchedule(key_ring=ring, rotator=rotator, log=runtime.log),
        endpoint=JwksEndpoint(key_ring=ring, tracker=tracker, max_age_seconds=settings.key_set_max_age),
    )


def rotation_policy(settings: AuthSettings) -> RotationPolicy:
    """The rotation policy of these settings."""
    return RotationPolicy(
        algorithm=settings.signing_algorithm,
        interval_ms=settings.key_rotation_interval * 1000,
        publish_lead_ms=settings.key_publish_lead_seconds * 1000,
        token_lifetime_ms=settings.access_token_ttl * 1000,
    )


def export_key_metrics(
    registry: CollectorRegistry, key_ring: KeyRing, *, policy: RotationPolicy, clock: Callable[[], float]
) -> None:
    """Export the states of the keys and the time until the next rotation; NaN while no ring is loaded."""

    def value(of: Callable[[Ring], float]) -> Callable[[], float]:
        def read() -> float:
            try:
                return of(key_ring.ring)
            except ServiceUnavailable:
                return float("nan")

        return read

    def count(state: RingKeyState) -> Callable[[Ring], float]:
        return lambda ring: sum(key.state is state for key in ring.keys)

    def seconds_left(ring: Ring) -> float:
        return rotation_due_ms(ring, interval_ms=policy.interval_ms) / 1000 - clock()

    keys = Gauge("sallyport_signing_keys", "Published keys, by state.", ("state",), registry=registry)
    for state in RingKeyState:
        keys.labels(state.value).set_function(value(count(state)))
    Gauge("sallyport_key_ring_version", "Grows with every change of the keys.", registry=registry).set_function(
        value(lambda ring: ring.version)
    )
    Gauge(
        "sallyport_key_rotation_due_seconds",
        "Time until the next scheduled rotation; negative if it is overdue.",
        registry=registry,
    ).set_function(value(seconds_left))
