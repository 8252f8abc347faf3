"""The monitor of Redis: what it reports of one server, of a cluster, of Sentinels, and with the documented rights."""

import math

import pytest
from prometheus_client import CollectorRegistry

from auth_service.http.readiness import RedisMonitor, used_memory_ratio
from shared.errors import RedisUnavailable
from shared.http.health import Readiness
from shared.redis.topology import open_redis_client
from tests.support import topologies


def value(registry, name):
    return registry.get_sample_value(f"sallyport_redis_{name}")


@pytest.mark.store
async def test_a_reachable_redis_is_no_impairment(store):
    registry = CollectorRegistry()
    monitor = RedisMonitor(store, registry)
    await monitor.check()
    assert await monitor.readiness() == Readiness(ready=True)
    assert value(registry, "unreachable_primaries") == 0
    assert math.isnan(value(registry, "used_memory_ratio"))


@pytest.mark.store
async def test_a_cluster_is_as_full_as_its_fullest_primary_and_a_lost_one_is_counted():
    registry = CollectorRegistry()
    with topologies.cluster() as (url, nodes):
        redis = open_redis_client(url, timeout_seconds=0.5)
        monitor = RedisMonitor(redis, registry)
        try:
            nodes[1].ask("CONFIG", "SET", "maxmemory", "1mb")
            await monitor.check()
            assert value(registry, "used_memory_ratio") > 1
            assert value(registry, "unreachable_primaries") == 0
            assert (await monitor.readiness()).impaired
            nodes[1].kill()
            await monitor.check()
            assert value(registry, "unreachable_primaries") == 1
            assert await monitor.readiness() == Readiness(
                ready=True, impaired=True, note="1 of 3 primaries unreachable"
            )
        finally:
            await redis.close()


class Scripted:
    """A client whose primaries give these answers."""

    def __init__(self, *answers):
        self.answers = list(answers)

    async def command_on_primaries(self, *_args):
        return self.answers


@pytest.mark.parametrize(
    ("info", "ratio"),
    [({"used_memory": 50, "maxmemory": 100}, 0.5), ({"used_memory": 50, "maxmemory": 0}, None), ({}, None)],
)
def test_the_ratio_is_unknown_without_a_limit(info, ratio):
    assert used_memory_ratio(info) == ratio if ratio else math.isnan(used_memory_ratio(info))


async def test_the_note_ends_with_its_cause():
    redis = Scripted({"used_memory": 10, "maxmemory": 0}, {"used_memory": 85, "maxmemory": 100})
    monitor = RedisMonitor(redis, CollectorRegistry())  # type: ignore[arg-type]  # it answers one command only
    assert not (await monitor.readiness()).impaired, "nothing is known yet"
    await monitor.check()
    assert (await monitor.readiness()).note == "memory is 85% full"
    redis.answers = [RedisUnavailable("gone")]
    await monitor.check()
    assert (await monitor.readiness()).note == "1 of 1 primaries unreachable"
    redis.answers = [{"used_memory": 10, "maxmemory": 100}]
    await monitor.check()
    assert await monitor.readiness() == Readiness(ready=True)
