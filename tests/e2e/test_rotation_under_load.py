"""Ten thousand real calls through rotations, a change of algorithm, and a minute without any auth_service."""

import asyncio
import json

import pytest

from devstack.service_process import service_command
from tests.e2e.steady_load import SteadyLoad

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]

CALLS = 10_000
ROTATIONS = 5
AWAY_SECONDS = 60


async def rotate(pair, **settings):
    environment = pair.auth_environment | settings
    outcome = await service_command("auth_service", environment, "keys", "rotate", "--json")
    assert outcome.succeeded, outcome.combined_output
    return json.loads(outcome.output)


async def test_five_rotations_and_another_algorithm_fail_no_call(make_pair):
    pair = await make_pair(auth=2, mcp=3, own={"MCP_RATE_LIMITS": "off"})
    async with SteadyLoad(pair) as load:
        signed = []
        for number in range(ROTATIONS + 1):
            await load.until(calls=(number + 1) * CALLS // (ROTATIONS + 2))
            settings = {"AUTH_SIGNING_ALGORITHM": "ES256"} if number == ROTATIONS else {}
            said = await rotate(pair, **settings)
            assert said["result"] == "rotated"
            signed.append((said["active"], said["algorithm"]))
            await load.until(kid=said["active"])
        await load.until(calls=max(CALLS, load.outcome.calls + CALLS // (ROTATIONS + 2)))
    assert load.outcome.failures == []
    assert load.outcome.calls >= CALLS
    assert [algorithm for _kid, algorithm in signed] == ["RS256"] * ROTATIONS + ["ES256"]
    assert len({kid for kid, _algorithm in signed}) == ROTATIONS + 1
    assert all(load.outcome.kids[kid] for kid, _algorithm in signed)
    print(f"\n{load.outcome.calls} calls, {load.outcome.refreshes} refreshes, {ROTATIONS + 1} rotations, 0 failed")


async def test_a_minute_without_any_auth_service_fails_no_call(make_pair):
    pair = await make_pair(auth=2, mcp=3, own={"MCP_RATE_LIMITS": "off"})
    async with SteadyLoad(pair) as load:
        await load.until(calls=500)
        load.refreshing = False
        # The refreshes that are under way end first: they are not calls of tools.
        await load.until(calls=load.outcome.calls + 200)
        for replica in pair.auth:
            await replica.kill()
        during = load.outcome.calls
        await asyncio.sleep(AWAY_SECONDS)
        during = load.outcome.calls - during
        for replica in pair.auth:
            await replica.start()
        load.refreshing = True
        said = await rotate(pair)
        await load.until(kid=said["active"])
        await load.until(calls=load.outcome.calls + 500)
    assert load.outcome.failures == []
    assert during > 100
    print(f"\n{load.outcome.calls} calls, {during} of them while no auth_service was there, 0 failed")
