"""Topologies and failover, with real processes: three nodes, or a primary, a replica and Sentinels."""

import asyncio
import contextlib
import itertools
import time
from collections import Counter

import pytest

from shared.errors import Misconfigured, RedisUnavailable
from shared.redis.address import parse_redis_url
from shared.redis.client import Script
from shared.redis.cluster import ClusterRedisClient
from shared.redis.sentinel import SentinelRedisClient
from shared.redis.single import SingleRedisClient
from shared.redis.topology import open_redis_client
from tests.support import topologies

pytestmark = pytest.mark.store


@pytest.mark.parametrize("url", ["redis://h:6379/0", "rediss://u:p@h/1", "unix:///run/valkey.sock?db=2"])
def test_a_plain_url_is_one_server(url):
    assert type(open_redis_client(url)) is SingleRedisClient


def test_a_sentinel_url_is_taken_apart():
    address = parse_redis_url("rediss+sentinel://u:p%40ss@s1,s2:26380/main/3?sentinel_password=x")

    assert (address.tls, address.hosts) == (True, (("s1", 26379), ("s2", 26380)))
    assert (address.username, address.password, address.sentinel_password) == ("u", "p@ss", "x")
    assert (address.service, address.database) == ("main", 3)


def test_a_cluster_url_is_taken_apart():
    address = parse_redis_url("redis+cluster://n1,n2:7000,[::1]:7001")

    assert address.hosts == (("n1", 6379), ("n2", 7000), ("::1", 7001))


@pytest.mark.parametrize(
    "url",
    [
        "http://h:6379",
        "redis+sentinel://s1:26379",
        "redis+sentinel://s1:26379/main/zero",
        "redis+sentinel://:26379/main",
        "redis+cluster://n1:6379/1",
        "redis+cluster://n1:port",
    ],
)
def test_an_unusable_redis_url_prevents_the_start_without_showing_the_password(url):
    with pytest.raises(Misconfigured) as refused:
        open_redis_client(url.replace("://", "://user:hunter2@"))

    assert "hunter2" not in str(refused.value)


async def test_a_cluster_runs_scripts_pipelines_and_scans_over_all_its_nodes():
    with topologies.cluster() as (url, _nodes):
        store = open_redis_client(url)
        names = {f"sp:{{{n}}}:x" for n in range(50)}
        await asyncio.gather(*(store.command("SET", name, "1") for name in names))
        read = Script("read", "return redis.call('GET', KEYS[1])")

        assert type(store) is ClusterRedisClient
        assert await asyncio.gather(*(store.run(read, [name], []) for name in names)) == ["1"] * 50
        assert await store.pipeline([("GET", name) for name in names]) == ["1"] * 50
        assert {name async for page in store.scan("sp:*") for name in page} == names
        await store.close()


async def test_the_rights_that_the_guide_names_are_enough_in_a_cluster():
    read = Script("read", "return redis.call('GET', KEYS[1])")
    with topologies.cluster() as (url, nodes):
        for node in nodes:
            rights = " ".join(topologies.documented_rights()).split()
            assert node.ask("ACL", "SETUSER", "limited", "on", ">words", "~sp:*", "&sp:*", "-@all", *rights) == "OK"
        store = open_redis_client(url.replace("://", "://limited:words@"))
        await store.command("SET", "sp:{1}:x", "1")
        assert await store.run(read, ["sp:{1}:x"], []) == "1"
        assert await store.pipeline([("GET", "sp:{1}:x")]) == ["1"]
        assert [key async for page in store.scan("sp:*") for key in page] == ["sp:{1}:x"]
        assert await store.command_on_primaries("PING") == [True] * 3
        async with store.subscribe("sp:{keys}:changes"):
            pass
        await store.close()


async def test_a_step_that_no_replica_would_hear_of_is_refused_whole_where_the_server_asks_for_one(tmp_path):
    """`min-replicas-to-write`: a primary that the network cut off confirms nothing that a failover would lose."""
    node = topologies.Node(tmp_path, *topologies.DURABLE, "min-replicas-to-write 1")
    node.start()
    store = open_redis_client(f"redis://127.0.0.1:{node.port}/0")
    step = Script("step", "redis.call('SET', KEYS[1], '1') redis.call('SET', KEYS[2], '1')")
    with pytest.raises(RedisUnavailable, match="good replicas"):
        await store.run(step, ["sp:{1}:x", "sp:{1}:y"], [])
    assert await store.command("EXISTS", "sp:{1}:x", "sp:{1}:y") == 0
    await store.close()
    node.stop()


@pytest.mark.long
@pytest.mark.parametrize("topology", topologies.WITH_REPLICAS)
async def test_in_a_failover_every_caller_gets_its_own_answer_or_redis_unavailable(topology):
    """No other exception of redis-py may reach a task that handles RedisUnavailable only."""
    read = Script("read", "return redis.call('GET', KEYS[1])")
    outcomes: Counter[str] = Counter()
    done = asyncio.Event()

    async def ask(store, n):
        key = f"sp:{{{n}}}:x"
        kinds = [
            lambda: store.command("GET", key),
            lambda: store.run(read, [key], []),
            lambda: store.pipeline([("GET", key)]),
        ]
        for run in itertools.cycle(kinds):
            if done.is_set():
                break
            try:
                assert await run() in (str(n), [str(n)])
            except RedisUnavailable:
                outcomes["fault"] += 1
            else:
                outcomes["answer"] += 1
            await asyncio.sleep(0.01)

    with topologies.WITH_REPLICAS[topology]() as (url, [(primary, _replica), *_others]):
        store = open_redis_client(url)
        for n in range(60):
            await store.command("SET", f"sp:{{{n}}}:x", n)
        async with asyncio.TaskGroup() as callers:
            for n in range(60):
                callers.create_task(ask(store, n))
            await asyncio.sleep(1)
            primary.kill()
            await asyncio.sleep(6)
            answered = outcomes["answer"]
            await asyncio.sleep(1)
            done.set()
        assert outcomes["fault"] > 0
        assert outcomes["answer"] > answered
        assert await asyncio.gather(*(store.command("GET", f"sp:{{{n}}}:x") for n in range(60))) == [
            str(n) for n in range(60)
        ]
        await store.close()


@pytest.mark.long
async def test_writes_are_back_soon_after_a_primary_is_killed_and_nothing_confirmed_is_lost():
    """With a replica in step: what was confirmed before the kill is there after the failover."""
    with topologies.sentinel() as (url, (primary, _replica), _sentinels):
        store = open_redis_client(url)
        for n in range(100):
            await store.command("SET", f"sp:{{{n}}}:x", n)
        await store.command("WAIT", 1, 1000)

        primary.kill()
        killed = time.monotonic()
        while True:
            try:
                await store.command("SET", "sp:{after}:x", "1")
                break
            except RedisUnavailable:
                assert time.monotonic() < killed + 30
                await asyncio.sleep(0.05)

        assert type(store) is SentinelRedisClient
        assert [await store.command("GET", f"sp:{{{n}}}:x") for n in range(100)] == [str(n) for n in range(100)]
        await store.close()


@pytest.mark.long
async def test_a_client_that_sends_pipelines_only_finds_the_promoted_replica_of_a_cluster():
    """The poll of the status lists, in a replica without other requests."""
    with topologies.cluster(replicated=True) as (url, nodes):
        store = open_redis_client(url, timeout_seconds=1.0)
        keys = [f"sp:{{l{n}}}:status" for n in range(32)]
        await store.pipeline([("HSET", key, "tag", "1") for key in keys])
        await asyncio.to_thread(topologies.wait_until_replicated, nodes[0], nodes[3])
        nodes[0].kill()
        found = None
        deadline = asyncio.get_running_loop().time() + 20
        while found is None and asyncio.get_running_loop().time() < deadline:
            with contextlib.suppress(RedisUnavailable):
                found = await store.pipeline([("HGET", key, "tag") for key in keys])
            await asyncio.sleep(0.2)
        await store.close()
    assert found == ["1"] * len(keys)
