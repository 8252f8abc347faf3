"""Two auth_service and three mcp_service processes behind a real Caddy, while replicas are killed and come back.

A call may fail only if it was in flight when the replica that had it was killed: never because of a graceful stop,
and never when it began after that replica's end.
"""

import time

import pytest

from tests.e2e.gateway import Gateway, has_caddy
from tests.e2e.timed_load import TimedLoad
from tests.support.plain_client import PlainClient
from tests.support.user_agent import user_agent

pytestmark = [
    pytest.mark.long,
    pytest.mark.caddy,
    pytest.mark.skipif(not has_caddy(), reason="Caddy 2.11.2 or newer is not installed"),
    pytest.mark.timeout(900),
]


@pytest.fixture
async def fleet(make_pair):
    # Longer than the gateway takes to notice: two health checks, one a second.
    own = {"AUTH_DRAIN_SECONDS": "4", "MCP_DRAIN_SECONDS": "4", "MCP_RATE_LIMITS": "off"}
    return await make_pair(auth=2, mcp=3, gateway=Gateway(), own=own)


async def restart_gracefully(pair, load, *, step):
    """One graceful restart of each service, with so many calls before, between and after."""
    for service in (pair.mcp[0], pair.auth[0]):
        await load.further(step)
        assert await service.stop() == 0
        await load.further(step)
        await service.start()


async def replicas_come_and_go(pair, load, *, calls):
    """One graceful restart and one kill of each service, spread over the calls.

    Returns the times of the kills: of the signal, and of the end, until when the system lets connections in.
    """
    kills = []
    step = calls // 8
    await restart_gracefully(pair, load, step=step)
    for service in (pair.mcp[1], pair.auth[1]):
        await load.further(step)
        killed = time.monotonic()
        await service.kill()
        kills.append((killed, time.monotonic()))
        await load.further(step)
        await service.start()
    return kills


async def test_no_call_fails_when_replicas_restart_gracefully(fleet):
    async with PlainClient(fleet) as client, user_agent(fleet.username, fleet.password) as user:
        token = (await client.tokens(user))["access_token"]
        async with TimedLoad(client, token, await fleet.subject_of(fleet.username), clients=8) as load:
            await restart_gracefully(fleet, load, step=200)
            await restart_gracefully(fleet, load, step=200)
    assert load.failed() == []


@pytest.mark.parametrize(
    "calls", [pytest.param(800, id="few"), pytest.param(10_000, id="many", marks=pytest.mark.long)]
)
async def test_no_call_fails_beyond_those_in_flight_on_a_killed_replica(fleet, calls):
    async with PlainClient(fleet) as client, user_agent(fleet.username, fleet.password) as user:
        token = (await client.tokens(user))["access_token"]
        subject = await fleet.subject_of(fleet.username)
        async with TimedLoad(client, token, subject, clients=8) as load:
            kills = await replicas_come_and_go(fleet, load, calls=calls)
    assert len(load.calls) >= calls
    unexplained = [f for f in load.failed() if not any(f.began <= over and kill <= f.ended for kill, over in kills)]
    assert unexplained == []
    # One call of each client at most was in flight at each kill.
    assert len(load.failed()) <= 8 * len(kills)
    print(f"{len(load.calls)} calls, {len(load.failed())} of them in flight on a killed replica")


async def test_a_grant_goes_on_whichever_replica_answers_while_replicas_restart(fleet):
    async with PlainClient(fleet) as client, user_agent(fleet.username, fleet.password) as user:
        tokens = await client.tokens(user)
        for service in (fleet.auth[0], fleet.auth[1]):
            await service.stop()
            for _ in range(5):
                status, answer = await client.token_request(
                    grant_type="refresh_token", refresh_token=tokens["refresh_token"]
                )
                assert status == 200, answer
                tokens |= answer
            await service.start()
        status, _, _ = await client.call_tool(tokens["access_token"])
        assert status == 200
