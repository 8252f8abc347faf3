"""The JWKS versions that verifiers report, in a real Redis: bounded, expiring, and never lost silently."""

import asyncio

import pytest

from auth_service.keys.propagation import ReplicaKeyVersion, ReportedVersions
from auth_service.keys.propagation_tracker import MIN_TTL_MS, RECONNECT_MS, PropagationTracker
from auth_service.keys.repository import ReplicaVersionRepository
from shared.errors import RedisUnavailable
from shared.redis.single import SingleRedisClient
from shared.redis.topology import open_redis_client
from tests.support.supervisor import new_supervisor

pytestmark = pytest.mark.store

NOW = 1_800_000_000_000
TTL = 1_000_000


class Clock:
    def __init__(self):
        self.now = NOW / 1000

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def replica_versions(store):
    return ReplicaVersionRepository(store, max_replicas=3)


@pytest.fixture
def tracker(replica_versions, clock):
    return PropagationTracker(replica_versions, publish_lead_ms=0, clock=clock, max_replicas=3)


def reported(name, version=1, seen=NOW, expires=NOW + 1000):
    return ReplicaKeyVersion(name, version, seen, expires)


async def record(replica_versions, *entries, now=NOW, **more):
    await replica_versions.record(entries, now_ms=now, ttl_ms=TTL, **more)


async def test_nothing_is_known_at_first(replica_versions):
    assert await replica_versions.read() == ReportedVersions()


async def test_recorded_versions_are_read_again(replica_versions):
    await record(
        replica_versions, reported("a", 4), reported("b:1.2_c", 5), unidentified_ms=NOW - 1, overflow_ms=NOW - 2
    )
    found = await replica_versions.read()
    assert set(found.replica_versions) == {reported("a", 4), reported("b:1.2_c", 5)}
    assert (found.unidentified_ms, found.overflow_ms) == (NOW - 1, NOW - 2)


async def test_a_later_report_replaces_an_earlier_one_and_never_the_other_way_round(replica_versions):
    await record(replica_versions, reported("a", 4, seen=NOW))
    await record(replica_versions, reported("a", 5, seen=NOW + 1))
    await record(replica_versions, reported("a", 4, seen=NOW))
    assert (await replica_versions.read()).replica_versions == (reported("a", 5, seen=NOW + 1),)


async def test_a_report_without_times_keeps_the_times(replica_versions):
    await record(replica_versions, unidentified_ms=NOW, overflow_ms=NOW)
    await record(replica_versions, reported("a"))
    found = await replica_versions.read()
    assert (found.unidentified_ms, found.overflow_ms) == (NOW, NOW)


async def test_an_expired_report_makes_room(replica_versions):
    await record(replica_versions, *(reported(name, expires=NOW + 10) for name in "abc"))
    await record(replica_versions, reported("d", expires=NOW + 1000), now=NOW + 10)
    found = await replica_versions.read()
    assert [entry.replica for entry in found.replica_versions] == ["d"]
    assert found.overflow_ms is None


@pytest.mark.invariant(5)
async def test_more_names_than_there_is_room_for_are_an_overflow_and_the_first_stay(replica_versions):
    """An attacker cannot displace a real verifier, nor pass for the absence of one."""
    await record(replica_versions, reported("real"))
    await record(replica_versions, *(reported(f"stranger{n}") for n in range(1000)))
    found = await replica_versions.read()
    assert "real" in {entry.replica for entry in found.replica_versions}
    assert len(found.replica_versions) == 3
    assert found.overflow_ms == NOW


async def test_known_names_are_recorded_even_when_there_is_no_room_for_new_ones(replica_versions):
    await record(replica_versions, *(reported(name) for name in "abc"))
    await record(replica_versions, reported("b", 9, seen=NOW + 1))
    found = await replica_versions.read()
    assert {entry.replica: entry.version for entry in found.replica_versions} == {"a": 1, "b": 9, "c": 1}
    assert found.overflow_ms is None


async def test_everything_ends_after_a_silence(store, replica_versions):
    await record(replica_versions, reported("a"), unidentified_ms=NOW)
    assert 0 < await store.command("PTTL", "sp:{keys}:replica_versions") <= TTL


async def test_a_process_records_a_bounded_number_whatever_it_is_sent(tracker, replica_versions):
    for number in range(10_000):
        tracker.record_version(f"stranger{number}", 1)
    await tracker.flush()
    found = await replica_versions.read()
    assert len(found.replica_versions) == 3
    assert found.overflow_ms == NOW


async def test_a_verifier_lives_at_least_as_long_as_it_may_wait(tracker, replica_versions):
    tracker.record_version("a", 1)
    await tracker.flush()
    (entry,) = (await replica_versions.read()).replica_versions
    assert entry.expires_ms == NOW + MIN_TTL_MS


async def test_a_verifier_that_left_and_came_back_by_another_replica_counts_as_there(store, replica_versions, clock):
    one, two = (PropagationTracker(replica_versions, publish_lead_ms=0, clock=clock) for _ in range(2))
    seen = one.record_version("a", 1)
    assert seen is not None
    await one.flush()
    clock.now += 1
    two.record_version("a", 1)
    await two.flush()
    one.record_disconnect(seen)
    await one.flush()
    (entry,) = (await replica_versions.read()).replica_versions
    assert entry.expires_ms == NOW + 1000 + MIN_TTL_MS


async def test_a_verifier_that_left_is_counted_a_little_longer(tracker, replica_versions, clock):
    seen = tracker.record_version("a", 1)
    await tracker.flush()
    clock.now += 1
    tracker.record_disconnect(seen)
    await tracker.flush()
    (entry,) = (await replica_versions.read()).replica_versions
    assert entry.expires_ms == NOW + 1000 + RECONNECT_MS


async def test_one_that_left_and_came_back_to_the_same_process_counts_as_there(tracker, replica_versions, clock):
    seen = tracker.record_version("a", 1)
    clock.now += 1
    tracker.record_version("a", 2)
    tracker.record_disconnect(seen)
    await tracker.flush()
    (entry,) = (await replica_versions.read()).replica_versions
    assert (entry.version, entry.expires_ms) == (2, NOW + 1000 + MIN_TTL_MS)


async def test_reports_that_could_not_be_written_are_kept_and_written_later(store_url, clock):
    """A lost report could pass for proof."""
    away, back = SingleRedisClient("unix:///nonexistent/valkey.sock"), open_redis_client(store_url)
    tracker = PropagationTracker(ReplicaVersionRepository(away), publish_lead_ms=0, clock=clock, max_replicas=2)
    for name in ("a", "b"):
        tracker.record_version(name, 1)
    tracker.record_unidentified("", "")
    with pytest.raises(RedisUnavailable):
        await tracker.flush()
    tracker._repository = ReplicaVersionRepository(back)
    tracker.record_version("c", 1)
    await tracker.flush()
    found = await ReplicaVersionRepository(back).read()
    assert {entry.replica for entry in found.replica_versions} == {"a", "b"}
    assert (found.unidentified_ms, found.overflow_ms) == (NOW, NOW)
    await away.close()
    await back.close()


def test_the_agent_of_an_unidentified_client_is_cut(tracker):
    tracker.record_unidentified("a" * 16_000, "203.0.113.7")
    assert tracker._unidentified_client == ("a" * 60, "203.0.113.7")


async def test_reports_are_flushed_periodically(tracker, replica_versions, store):
    await tracker.start(new_supervisor())
    tracker.record_version("a", 1)
    async with asyncio.timeout(5):
        while not (await replica_versions.read()).replica_versions:  # noqa: ASYNC110 - the store announces nothing
            await asyncio.sleep(0.01)
    await tracker.stop()
