"""A primary of a cluster, and one under Sentinels, dies while grants are being ended (invariant 12).

What was acknowledged and replicated holds. Of the rest each grant has ended with its entry, or neither has happened.
"""

import asyncio
import contextlib
import itertools
import time
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import structlog

from auth_service.authorization.interaction import ConsentDecision
from auth_service.authorization.interaction_repository import InteractionRepository
from auth_service.grants.repository import GrantRepository, grant_key
from auth_service.protocol.opaque import short_digest, split_identifier
from auth_service.status_lists.published_lists import PublishedStatusLists
from auth_service.status_lists.repository import StatusListRepository
from shared.errors import RedisUnavailable
from shared.redis.topology import open_redis_client
from tests.support import topologies
from tests.support.ended_and_revoked import all_consistent, ended_and_revoked
from tests.support.grant_material import DAY, interaction, new_grant, open_grant

pytestmark = [pytest.mark.long, pytest.mark.invariant(12), pytest.mark.timeout(180)]

GIVE_UP_SECONDS = 60.0


@pytest.fixture(params=topologies.WITH_REPLICAS)
def replicated(request):
    """The URL, and pairs of a primary and its replica."""
    with topologies.WITH_REPLICAS[request.param]() as (url, shards):
        yield url, shards


@pytest.fixture
async def stores(replicated):
    """Clients, as of several replicas of auth_service."""
    opened = [open_redis_client(replicated[0], timeout_seconds=1.0) for _ in range(4)]
    yield opened
    for one in opened:
        await one.close()


def shard_of_most(shards, grant_ids):
    """The primary that has most of the grants, its replica, and these grants."""
    homes = {shard: [i for i in grant_ids if shard[0].ask("EXISTS", grant_key(i)) == "1"] for shard in shards}
    return max(homes.items(), key=lambda home: len(home[1]))


async def when_it_answers(step):
    """The result of a step, once a replica has been promoted."""
    async with asyncio.timeout(GIVE_UP_SECONDS):
        while True:
            with contextlib.suppress(RedisUnavailable):
                return await step()
            await asyncio.sleep(0.1)


async def test_a_primary_killed_while_grants_end_leaves_each_ended_and_revoked_or_neither(replicated, stores):
    _, shards = replicated
    everyone = [(await open_grant(stores[0])).grant_id for _ in range(300)]
    (primary, replica), affected = shard_of_most(shards, everyone)
    replicated_ones, rest = affected[:20], affected[20:]
    assert len(rest) > 60
    for grant_id in replicated_ones:
        assert await GrantRepository(stores[0]).end(grant_id, reason="by_hand")
    await asyncio.to_thread(topologies.wait_until_replicated, primary, replica)
    connections, waiting, acknowledged = itertools.cycle(stores), iter(rest), []

    async def end_some():
        for grant_id in waiting:
            with contextlib.suppress(RedisUnavailable):
                if await GrantRepository(next(connections)).end(grant_id, reason="by_hand"):
                    acknowledged.append(grant_id)
            if len(acknowledged) == len(rest) // 2:
                # Others have sent theirs, and have no answer yet.
                primary.kill()

    await asyncio.gather(*(end_some() for _ in range(16)))
    assert len(rest) // 2 <= len(acknowledged) < len(rest)

    store = stores[0]
    assert await when_it_answers(partial(all_consistent, store, replicated_ones)) == len(replicated_ones)
    await when_it_answers(partial(all_consistent, store, rest))
    ended = [i for i in acknowledged if (await when_it_answers(partial(ended_and_revoked, store, i)))[0]]
    print(f"\n{len(acknowledged)} endings acknowledged before the kill, {len(acknowledged) - len(ended)} lost by it")
    for grant_id in affected:
        await when_it_answers(partial(GrantRepository(store).end, grant_id, reason="by_hand"))
    assert await when_it_answers(partial(all_consistent, store, affected)) == len(affected)


def lists_on(store):
    """Without a key: nothing is published by it."""
    unused: Any = None
    return PublishedStatusLists(
        issuer="https://auth.example",
        repository=StatusListRepository(store),
        key_ring=unused,
        log=structlog.get_logger(),
        clock=time.time,
        monotonic=time.monotonic,
    )


async def open_in(lists, store):
    """A grant in a list of the registry that no other grant of the test is in."""
    interactions = InteractionRepository(store, grant_seconds=DAY)
    asked = replace(interaction(), identifier=lists.new_identifier())
    fields = new_grant(code_hash=short_digest("a-code"))
    await interactions.record_consent(asked, ConsentDecision.APPROVE, grant=fields, code_lifetime_seconds=DAY)
    return asked.identifier


async def test_endings_that_a_failover_loses_are_lost_whole_and_stay_revoked_where_they_were_published(
    replicated, stores
):
    _, shards = replicated
    store, processes = stores[0], [lists_on(one) for one in stores[:2]]
    for lists in processes:
        await lists.refresh()
    by_list: dict[str, str] = {}
    for _ in range(60):
        grant_id = await open_in(processes[0], store)
        by_list.setdefault(split_identifier(grant_id)[0], grant_id)
        if len(by_list) == 24:
            break
    (primary, replica), affected = shard_of_most(shards, list(by_list.values()))
    await asyncio.to_thread(topologies.wait_until_replicated, primary, replica)

    replica.pause()
    primary.ask("CLIENT", "KILL", "TYPE", "replica")
    published, unpublished = affected[::2], affected[1::2]
    for grant_id in published:
        assert await GrantRepository(store).end(grant_id, reason="by_hand")
    for lists in processes:
        await lists.refresh()
    for grant_id in unpublished:
        assert await GrantRepository(store).end(grant_id, reason="by_hand")
    primary.kill()
    replica.resume()

    assert await when_it_answers(partial(all_consistent, store, affected)) == 0
    for _ in range(2):
        await asyncio.gather(*(when_it_answers(lists.refresh) for lists in processes))
    states = {i: await when_it_answers(partial(ended_and_revoked, store, i)) for i in affected}
    assert {states[i] for i in published} == {(False, True)}
    assert {states[i] for i in unpublished} == {(False, False)}
    # The loss of the others is known to the caller of the command only: it is repeated, and holds.
    for grant_id in affected:
        assert await when_it_answers(partial(GrantRepository(store).end, grant_id, reason="by_hand"))
    assert await when_it_answers(partial(all_consistent, store, affected)) == len(affected)
