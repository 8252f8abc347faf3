"""Every background loop of both services outlives an unexpected exception."""

import asyncio
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog
from prometheus_client import CollectorRegistry, Counter
from structlog.testing import capture_logs

from auth_service.audit.background_writer import BackgroundWriter
from auth_service.encryption import EncryptionKeys
from auth_service.keys.key_ring import KeyRing
from auth_service.keys.lifecycle import RotationPolicy
from auth_service.keys.propagation_tracker import PropagationTracker
from auth_service.keys.rotator import RotationSchedule
from mcp_service.issuer.refresh_state import RefreshPolicy
from mcp_service.jwks.cache import JwksCache, JwksMetrics
from shared.background import TaskSupervisor
from shared.fetch.ssrf_safe_client import FetchFailed

LOG = structlog.get_logger()


class Flaky:
    """Succeeds `good` times, raises an unexpected exception once, and sets `recovered` when it is called again."""

    def __init__(self, *, good=0):
        self._good = good
        self._calls = 0
        self.recovered = asyncio.Event()

    def __call__(self):
        self._calls += 1
        if self._calls == self._good + 1:
            raise RuntimeError("unexpected")
        if self._calls > self._good + 1:
            self.recovered.set()

    async def call(self, *_arguments, **_options):
        self()


def key_ring(*, poll_seconds, on_refresh=None, on_subscribe=None):
    class Repository:
        @asynccontextmanager
        async def changes(self):
            if on_subscribe is not None:
                on_subscribe()

            async def none():
                await asyncio.Event().wait()
                yield

            yield none()

    class Reconciler:
        async def reconcile(self, known):
            if on_refresh is not None:
                on_refresh()
            return known

    repository: Any = Repository()
    reconciler: Any = Reconciler()
    ring = KeyRing(
        repository=repository,
        encryption_keys=EncryptionKeys([b"x" * 32]),
        policy=RotationPolicy("ES256", 10**12, 0, 60_000),
        log=LOG,
    )
    ring._poll_seconds = poll_seconds
    ring._reconciler = reconciler
    return ring


def polling(flaky):
    # The start and the subscription refresh once each.
    flaky._good = 2
    return key_ring(poll_seconds=0.001, on_refresh=flaky)


def listening(flaky):
    return key_ring(poll_seconds=60, on_subscribe=flaky)


def rotation(flaky):
    class Rotator:
        run_due = staticmethod(flaky.call)

    class Ring:
        ring = None

    ring: Any = Ring()
    rotator: Any = Rotator()
    return RotationSchedule(key_ring=ring, rotator=rotator, log=LOG, check_seconds=0.001)


def propagation(flaky):
    class Repository:
        record = staticmethod(flaky.call)

    repository: Any = Repository()
    tracker = PropagationTracker(repository, publish_lead_ms=0)
    tracker.record_version("replica", 1)
    return tracker


def audit(flaky):
    writer = BackgroundWriter(flaky.call, dropped=Counter("dropped", "", registry=CollectorRegistry()))
    put = writer.put

    async def start(supervisor):
        await BackgroundWriter.start(writer, supervisor, "audit_log")
        put("lost with the exception")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        put("written after it")

    writer.start = start  # type: ignore[assignment,method-assign]  # what is written is the loop's work
    return writer


def key_set(flaky):
    class Fetcher:
        async def fetch(self, **_options):
            raise FetchFailed("unreachable")

    fetcher: Any = Fetcher()
    readings = iter(range(100))

    def clock():
        flaky()
        return next(readings) * 100.0

    flaky._good = 3
    return JwksCache(
        fetcher=fetcher,
        policy=RefreshPolicy(max_stale=60, cooldown=1),
        algorithms=frozenset({"ES256"}),
        metrics=JwksMetrics(CollectorRegistry()),
        log=LOG,
        clock=clock,
    )


@pytest.mark.parametrize("make", [polling, listening, rotation, propagation, audit, key_set])
async def test_a_loop_goes_on_after_an_unexpected_exception(make):
    flaky = Flaky()
    owner = make(flaky)
    registry = CollectorRegistry()
    with capture_logs() as entries:
        await owner.start(TaskSupervisor(registry, structlog.get_logger(), first_pause_seconds=0.001))
        try:
            await asyncio.wait_for(flaky.recovered.wait(), 2)
        finally:
            await owner.stop()
    failures = [s for metric in registry.collect() for s in metric.samples if s.name.endswith("_failures_total")]
    assert sum(sample.value for sample in failures) == 1
    (failed,) = (entry for entry in entries if entry["event"] == "background_task_failed")
    assert failed["log_level"] == "error"
    assert [sample.labels["task"] for sample in failures if sample.value] == [failed["task"]]
