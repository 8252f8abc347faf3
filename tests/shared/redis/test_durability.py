"""Configurations that could lose grants are logged at start: each one on a real server that has it."""

import re
import shutil
from contextlib import asynccontextmanager

import pytest
import structlog

from shared.errors import RedisUnavailable
from shared.redis.durability import find_configuration_warnings, log_configuration_warnings, warnings_from_info
from shared.redis.single import SingleRedisClient
from shared.redis.topology import open_redis_client
from tests.support import topologies
from tests.support.topologies import DURABLE, Node, wait_until

pytestmark = pytest.mark.store


@pytest.fixture
def make_server(tmp_path):
    """A server of a test's own, with settings of its own on top of good ones."""
    running = []

    def make(*lines):
        node = Node(tmp_path, *DURABLE, *lines)
        running.append(node)
        node.start()
        return node

    yield make
    for node in running:
        node.stop()


@asynccontextmanager
async def connected(url):
    store = open_redis_client(url)
    try:
        yield store
    finally:
        await store.close()


async def risks_at(node, credentials=""):
    async with connected(f"redis://{credentials}127.0.0.1:{node.port}/0") as store:
        return await find_configuration_warnings(store)


@pytest.mark.parametrize("fsync", ["always", "everysec"])
async def test_a_durable_store_that_does_not_evict_is_no_risk(make_server, fsync):
    assert await risks_at(make_server(f"appendfsync {fsync}")) == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("maxmemory-policy allkeys-lru", "Set maxmemory-policy noeviction"),
        ("maxmemory-policy volatile-ttl", "Set maxmemory-policy noeviction"),
        ("appendonly no", "Set appendonly yes"),
        ("appendfsync no", "Set appendfsync always"),
    ],
)
async def test_each_bad_setting_is_logged_with_what_to_set(make_server, line, words):
    node = make_server(line)
    async with connected(f"redis://127.0.0.1:{node.port}/0") as store:
        with structlog.testing.capture_logs() as lines:
            await log_configuration_warnings(store, structlog.get_logger())
    (logged,) = lines
    assert (logged["event"], logged["log_level"]) == ("redis_configuration_warning", "warning")
    assert words in logged["warning"]


async def test_a_store_that_is_nearly_full_is_a_risk(make_server):
    node = make_server()
    used = int(re.search(r"used_memory:(\d+)", node.ask("INFO", "memory"))[1])
    node.ask("CONFIG", "SET", "maxmemory", str(used + used // 20))
    (risk,) = await risks_at(node)
    assert "Raise maxmemory" in risk


@pytest.mark.parametrize(
    ("command", "status"), [("BGSAVE", "rdb_last_bgsave_status"), ("BGREWRITEAOF", "aof_last_bgrewrite_status")]
)
async def test_a_store_that_cannot_write_its_files_is_a_risk(make_server, tmp_path, command, status):
    node = make_server()
    shutil.rmtree(tmp_path / str(node.port))
    node.ask(command)
    wait_until(lambda: f"{status}:err" in node.ask("INFO", "persistence"))
    (risk,) = await risks_at(node)
    assert status in risk


async def test_a_url_that_leads_to_a_replica_is_a_risk(make_server):
    node = make_server(f"replicaof 127.0.0.1 {make_server().port}")
    (risk,) = await risks_at(node)
    assert "leads to a replica" in risk


async def test_without_the_right_to_read_the_configuration_the_rest_is_reported(make_server):
    """Managed stores hide CONFIG; INFO tells most of it."""
    node = make_server("appendfsync no", "maxmemory-policy allkeys-lru", "user limited on >words ~sp:* +@read +info")
    (risk,) = await risks_at(node, "limited:words@")
    assert "noeviction" in risk


@pytest.mark.parametrize("version", ["6.2.14", "5.0.0"])
def test_a_version_that_is_too_old_is_a_risk(version):
    (risk,) = warnings_from_info({"redis_version": version}, fails_over=False)
    assert "Redis 7.0 or Valkey" in risk


@pytest.mark.parametrize("version", ["7.0.15", "7.2.4", "8.4.0", "255.255.255", "unknown"])
def test_a_version_that_will_do_is_none(version):
    assert warnings_from_info({"redis_version": version}, fails_over=False) == []


async def test_every_primary_of_a_cluster_is_asked():
    with topologies.cluster() as (url, nodes):
        nodes[2].ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        async with connected(url) as store:
            risks = await find_configuration_warnings(store)
            assert [("evicts" in risk, "no replica" in risk) for risk in risks] == [(False, True), (True, False)]
            nodes[0].kill()
            assert "does not answer" in (await find_configuration_warnings(store))[0]


@pytest.mark.long
async def test_a_primary_that_has_lost_its_replica_is_a_risk():
    with topologies.sentinel() as (url, (primary, replica), _sentinels):
        async with connected(url) as store:
            assert await find_configuration_warnings(store) == []
            replica.kill()
            wait_until(lambda: "connected_slaves:0" in (primary.ask("INFO", "replication") or ""))
            assert ["no replica" in risk for risk in await find_configuration_warnings(store)] == [True]


async def test_a_store_that_is_away_does_not_keep_the_service_from_starting(tmp_path):
    away = SingleRedisClient(f"unix://{tmp_path}/missing.sock")
    with structlog.testing.capture_logs() as lines:
        await log_configuration_warnings(away, structlog.get_logger())
    assert lines == []
    with pytest.raises(RedisUnavailable):
        await find_configuration_warnings(away)
    await away.close()
