"""What the signing keys are doing, read when somebody looks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prometheus_client import Gauge

from auth_service.keys.lifecycle import KeyState, rotation_due_ms
from shared.errors import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import CollectorRegistry

    from auth_service.keys.key_ring import KeyRing
    from auth_service.keys.lifecycle import Ring


def watch_key_ring(
    registry: CollectorRegistry,
    key_ring: KeyRing,
    *,
    rotation_interval_seconds: int,
    clock: Callable[[], float] = time.time,
) -> None:
    """Export the states of the keys and when the next rotation is due; NaN while no ring is loaded."""

    def of(figure: Callable[[Ring], float]) -> Callable[[], float]:
        def read() -> float:
            try:
                return figure(key_ring.ring)
            except ServiceUnavailable:
                return float("nan")

        return read

    def count(state: KeyState) -> Callable[[Ring], float]:
        return lambda ring: sum(key.state is state for key in ring.keys)

    def seconds_left(ring: Ring) -> float:
        return rotation_due_ms(ring, interval_ms=rotation_interval_seconds * 1000) / 1000 - clock()

    keys = Gauge("sallyport_signing_keys", "Published keys, by state.", ("state",), registry=registry)
    for state in KeyState:
        keys.labels(state.value).set_function(of(count(state)))
    Gauge("sallyport_key_ring_version", "Grows with every change of the keys.", registry=registry).set_function(
        of(lambda ring: ring.version)
    )
    Gauge(
        "sallyport_key_rotation_due_seconds",
        "Until the next rotation by itself; below zero it is overdue.",
        registry=registry,
    ).set_function(of(seconds_left))
