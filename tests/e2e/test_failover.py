"""A primary of the store is lost under load: no client is locked out, and tokens are still verified.

Invariants 3, 6 and 8, on real processes: a cluster with replicas, and a primary with a replica under Sentinels.
"""

import asyncio

import aiohttp
import pytest

from tests.drills.failover import LOSSES, OWN, Failover, shard_of_most
from tests.e2e.refresh_token_families import refresh_token_families
from tests.support import topologies

pytestmark = [pytest.mark.invariant(3, 6, 8), pytest.mark.long, pytest.mark.timeout(300)]

NO_MCP = {"mcp": 0, "resource": "http://localhost:9/mcp"}


@pytest.fixture(params=topologies.WITH_REPLICAS)
def replicated(request):
    """The URL, and pairs of a primary and its replica."""
    with topologies.WITH_REPLICAS[request.param]() as (url, shards):
        yield url, shards


@pytest.mark.parametrize("how", LOSSES)
async def test_a_primary_lost_under_load_ends_no_grant_and_fails_no_tool_call(make_pair, replicated, how):
    url, shards = replicated
    pair = await make_pair(auth=2, own={**OWN, "AUTH_REDIS_URL": url})

    report = await Failover(pair, shards).play(how=how)

    print("", *report.lines(), sep="\n")
    assert report.unavailable > 0
    assert (report.wrong_answers, report.double_rotations) == ([], 0)
    assert report.tool_calls > 10
    assert report.failed_tool_calls == 0
    # A lost token was accepted by its MAC, or was replaced before it was presented.
    assert report.recovered <= report.lost_writes


async def test_a_failover_that_lost_the_last_refresh_of_every_grant_ends_none(make_pair, replicated):
    """Each client was told of one rotation that no replica heard of; its token is one step newer than the store."""
    url, shards = replicated
    pair = await make_pair(auth=2, own={**OWN, "AUTH_REDIS_URL": url}, **NO_MCP)
    families = await refresh_token_families(pair, 12)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as http:
        await asyncio.gather(*(refresh(http, pair, family) for family in families))
        (primary, replica), affected = shard_of_most(shards, families)
        replica.pause()
        primary.ask("CLIENT", "KILL", "TYPE", "replica")
        await asyncio.gather(*(refresh(http, pair, family) for family in families))
        primary.kill()
        replica.resume()

        async with asyncio.timeout(60):
            await asyncio.gather(*(refresh(http, pair, family) for family in families))
        await asyncio.gather(*(refresh(http, pair, family) for family in families))

    assert all(len(given) == 1 for family in families for given in family.successors.values())
    recovered = [line for line in (await pair.command("audit", "--json")).splitlines() if '"recovered"' in line]
    assert len(recovered) == len(affected) > 0


async def refresh(http, pair, family):
    """Refresh once, however often it takes; nothing but 503 may come in between."""
    while True:
        status, body = await family.present(http, pair.auth[0], family.token)
        if status == 200:
            family.token = body["refresh_token"]
            return
        assert status == 503, body
        await asyncio.sleep(0.1)
