"""Refreshing through several real processes that share a real store."""

import asyncio
import itertools
import random

import aiohttp
import pytest

from tests.e2e.refresh_token_families import refresh_token_families

pytestmark = pytest.mark.invariant(3, 6)

NO_MCP = {"mcp": 0, "resource": "http://localhost:9/mcp"}


@pytest.fixture
async def http():
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
        yield session


async def test_two_hundred_refreshes_at_once_through_three_processes_give_one_successor(make_pair, http):
    pair = await make_pair(auth=3, **NO_MCP)
    (family,) = await refresh_token_families(pair, 1)
    replicas = itertools.cycle(pair.auth)

    answers = await asyncio.gather(*(family.present(http, next(replicas), family.token) for _ in range(200)))

    assert {status for status, _body in answers} == {200}
    assert len({body["refresh_token"] for _status, body in answers}) == 1
    assert len({body["access_token"] for _status, body in answers}) == 200


@pytest.mark.long
async def test_no_client_is_locked_out_when_answers_are_lost(make_pair, http):
    """Fifty clients, forty refreshes each; every fourth answer never arrives and the client tries its old token."""
    pair = await make_pair(auth=2, own={"AUTH_MAX_GRANTS_PER_CLIENT": "100"}, **NO_MCP)
    chance = random.Random(7)

    async def keep_refreshing(family):
        refreshed = 0
        while refreshed < 40:
            status, body = await family.present(http, chance.choice(pair.auth), family.token)
            assert status == 200, (refreshed, body)
            if chance.random() < 0.75:
                family.token = body["refresh_token"]
                refreshed += 1

    families = await refresh_token_families(pair, 50)
    await asyncio.gather(*(keep_refreshing(family) for family in families))

    assert all(len(successors) == 1 for family in families for successors in family.successors.values())


@pytest.mark.parametrize("stolen_after", [0, *(pytest.param(n, marks=pytest.mark.long) for n in (1, 2))])
async def test_a_replay_at_any_later_point_ends_the_grant(make_pair, http, stolen_after):
    """Neither the owner nor the attacker can refresh after a replay, at whatever point each of the two happened."""
    pair = await make_pair(auth=2, own={"AUTH_REFRESH_TOKEN_REUSE_INTERVAL": "0"}, **NO_MCP)
    for refreshes_until_replay in range(2, 5):
        (owner,) = await refresh_token_families(pair, 1)
        for _ in range(stolen_after):
            owner.token = (await owner.present(http, pair.auth[0], owner.token))[1]["refresh_token"]
        stolen = owner.token
        for _ in range(refreshes_until_replay):
            owner.token = (await owner.present(http, pair.auth[1], owner.token))[1]["refresh_token"]

        attacker = await owner.present(http, pair.auth[0], stolen)
        after = await owner.present(http, pair.auth[1], owner.token)

        assert [attacker[0], attacker[1]["error"]] == [400, "invalid_grant"]
        assert [after[0], after[1]["error"]] == [400, "invalid_grant"]


async def test_an_attacker_that_keeps_up_with_the_owner_is_detected_within_three_refreshes(make_pair, http):
    pair = await make_pair(auth=1, own={"AUTH_REFRESH_TOKEN_REUSE_INTERVAL": "0"}, **NO_MCP)
    (owner,) = await refresh_token_families(pair, 1)
    stolen = owner.token
    outcomes = []
    for _turn in range(3):
        status, body = await owner.present(http, pair.auth[0], owner.token)
        outcomes.append(status)
        owner.token = body.get("refresh_token", owner.token)
        await asyncio.sleep(0.01)
        status, body = await owner.present(http, pair.auth[0], stolen)
        outcomes.append(status)
        stolen = body.get("refresh_token", stolen)

    assert outcomes == [200, 200, 200, 200, 200, 400]
    assert (await owner.present(http, pair.auth[0], owner.token))[0] == 400


@pytest.mark.long
async def test_no_grant_is_lost_when_the_store_is_killed_twenty_times_under_load(make_pair, http):
    """SIGKILL and restart, append-only file on: no client is locked out, no token has two successors."""
    pair = await make_pair(auth=2, own={"AUTH_REFRESH_TOKEN_REUSE_INTERVAL": "0", "AUTH_RATE_LIMITS": "off"}, **NO_MCP)
    families = await refresh_token_families(pair, 12)
    stop = asyncio.Event()
    answered = {family.token: 0 for family in families}

    async def keep_refreshing(number, family):
        while not stop.is_set():
            status, body = await family.present(http, pair.auth[number % 2], family.token)
            assert status in {0, 200, 503}, (status, body)
            if status == 200:
                family.token = body["refresh_token"]
                answered[number] = answered.get(number, 0) + 1
            else:
                await asyncio.sleep(0.02)

    async def kill():
        for _ in range(20):
            await asyncio.sleep(random.Random().uniform(0.1, 0.6))
            pair.store.stop(kill=True)
            await asyncio.sleep(0.1)
            await asyncio.to_thread(pair.store.__enter__)
        await asyncio.sleep(0.5)
        stop.set()

    await asyncio.gather(kill(), *(keep_refreshing(number, family) for number, family in enumerate(families)))

    for family in families:
        status, body = await family.present(http, pair.auth[0], family.token)
        assert status == 200, body
        assert all(len(successors) == 1 for successors in family.successors.values())
