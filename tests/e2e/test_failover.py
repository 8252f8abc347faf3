"""A primary of the store is lost under load: no client is locked out, and tokens are still verified.

Invariants 3, 6 and 8, on real processes: a cluster with replicas, and a primary with a replica under Sentinels.
"""

import asyncio

import aiohttp
import pytest

from tests.drills.failover import OWN, WAYS, Failover, shard_of_most
from tests.e2e.holder import replica_versions
from tests.support import topologies

pytestmark = [pytest.mark.invariant(3, 6, 8), pytest.mark.long, pytest.mark.timeout(300)]

NO_MCP = {"mcp": 0, "resource": "http://localhost:9/mcp"}


@pytest.fixture(params=topologies.WITH_REPLICAS)
def replicated(request):
    """The URL, and pairs of a primary and its replica."""
    with topologies.WITH_REPLICAS[request.param]() as (url, shards):
        yield url, shards


@pytest.mark.parametrize("how", WAYS)
async def test_a_primary_lost_under_load_ends_no_grant_and_fails_no_tool_call(make_pair, replicated, how):
    url, shards = replicated
    pair = await make_pair(auth=2, own={**OWN, "AUTH_REDIS_URL": url})

    toll = await Failover(pair, shards).play(how=how)

    print("", *toll.lines(), sep="\n")
    assert toll.put_off > 0
    assert (toll.wrong, toll.doubled) == ([], 0)
    assert toll.tool_calls > 10
    assert toll.failed_tool_calls == 0
    # A lost token was accepted by its MAC, or was replaced before it was presented.
    assert toll.recovered <= toll.lost_writes


async def test_a_failover_that_lost_the_last_refresh_of_every_grant_ends_none(make_pair, replicated):
    """Each client was told of one rotation that no replica heard of; its token is one step newer than the store."""
    url, shards = replicated
    pair = await make_pair(auth=2, own={**OWN, "AUTH_REDIS_URL": url}, **NO_MCP)
    everyone = await replica_versions(pair, 12)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as http:
        await asyncio.gather(*(refresh(http, pair, holder) for holder in everyone))
        (primary, replica), struck = shard_of_most(shards, everyone)
        replica.pause()
        primary.ask("CLIENT", "KILL", "TYPE", "replica")
        await asyncio.gather(*(refresh(http, pair, holder) for holder in everyone))
        primary.kill()
        replica.resume()

        async with asyncio.timeout(60):
            await asyncio.gather(*(refresh(http, pair, holder) for holder in everyone))
        await asyncio.gather(*(refresh(http, pair, holder) for holder in everyone))

    assert all(len(given) == 1 for holder in everyone for given in holder.seen.values())
    believed = [line for line in (await pair.command("audit", "--json")).splitlines() if '"recovered"' in line]
    assert len(believed) == len(struck) > 0


async def refresh(http, pair, holder):
    """Refresh once, however often it takes; nothing but 503 may come in between."""
    while True:
        status, body = await holder.present(http, pair.auth[0], holder.token)
        if status == 200:
            holder.token = body["refresh_token"]
            return
        assert status == 503, body
        await asyncio.sleep(0.1)
