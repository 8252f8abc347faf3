"""What the metrics say of the signing keys."""

import math

import pytest
from prometheus_client import CollectorRegistry

from auth_service.keys.lifecycle import RotationPolicy
from auth_service.keys.wiring import export_key_metrics
from tests.auth_service.keys.test_key_ring import Clock, ring_of, rotate

pytestmark = pytest.mark.store


async def test_states_version_and_the_next_rotation_are_exported(store):
    clock, registry = Clock(), CollectorRegistry()
    key_ring = ring_of(store, clock=clock)
    export_key_metrics(registry, key_ring, policy=RotationPolicy("ES256", 100_000, 0, 0), clock=clock)
    version = registry.get_sample_value("sallyport_key_ring_version")
    assert version is not None
    assert math.isnan(version)
    await key_ring.refresh()
    clock.now += 130
    assert registry.get_sample_value("sallyport_key_rotation_due_seconds") == -30
    await rotate(key_ring._repository, now_ms=int(clock.now * 1000))
    await key_ring.refresh()
    assert registry.get_sample_value("sallyport_key_rotation_due_seconds") == 100
    assert registry.get_sample_value("sallyport_key_ring_version") == 2
    states = {
        state: registry.get_sample_value("sallyport_signing_keys", {"state": state})
        for state in ("pending", "active", "retiring")
    }
    assert states == {"pending": 1, "active": 1, "retiring": 1}
