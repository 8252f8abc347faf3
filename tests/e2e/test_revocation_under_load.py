"""Two hundred revocations, of six kinds, behind a real Caddy: two auth_service and three mcp_service under load.

Measures the seconds from the answer that says the grant has ended to the beginning of the last call that a replica
accepted (invariant 12).
"""

import asyncio
import itertools
import statistics

import aiohttp
import pytest

from tests.e2e.gateway import Gateway, has_caddy
from tests.e2e.revocations import ENDINGS, SETTINGS, ClientGrants, accepted_after, status_at
from tests.e2e.steady_load import SteadyLoad
from tests.support.cutting_proxy import CuttingProxy

pytestmark = [
    pytest.mark.long,
    pytest.mark.caddy,
    pytest.mark.invariant(12),
    pytest.mark.skipif(not has_caddy(), reason="Caddy 2.11.2 or newer is not installed"),
    pytest.mark.timeout(900),
]

WITHIN_SECONDS = 2.0
BY_COMMAND, BY_REQUEST = 10, 45
AT_ONCE = 4
"""Revocations that are in progress at the same time, so that changes coincide."""
PAUSE_SECONDS = 0.01
WORKERS = 4
AUTH, MCP = 2, 3


async def revoke_all(fleet, http, interrupt):
    """End every grant while the load runs; the seconds per ending, for each revocation those of all replicas."""
    seconds: dict[str, list[list[float]]] = {ending.name: [] for ending in ENDINGS}
    async with ClientGrants(fleet) as grants:
        made = [
            [(one, grant) for grant in await grants.make(one, BY_COMMAND if one.is_command else BY_REQUEST)]
            for one in ENDINGS
        ]
        # All kinds in turns.
        todo = [pair for pair in itertools.chain.from_iterable(itertools.zip_longest(*made)) if pair is not None]
        left = iter(todo)

        async def some():
            for ending, grant in left:

                async def end(ending=ending, grant=grant):
                    await ending.end(grant)
                    interrupt()

                seconds[ending.name].append(
                    await accepted_after(http, fleet.mcp, grant.access_token, end, pause=PAUSE_SECONDS)
                )

        async with SteadyLoad(fleet, workers=WORKERS, through_gateway=True) as load, asyncio.TaskGroup() as group:
            await load.until(calls=100)
            for _ in range(AT_ONCE):
                group.create_task(some())
        refused = [await status_at(http, replica, grant.access_token) for _, grant in todo for replica in fleet.mcp]
    assert load.outcome.failures == []
    assert set(refused) == {401}
    assert len(refused) == MCP * (2 * BY_COMMAND + 4 * BY_REQUEST)
    return seconds, load.outcome


def show(seconds, outcome):
    """Print one table of the replicas, and one of the endings; the longest time of all."""
    everything = list(itertools.chain.from_iterable(seconds.values()))
    print(f"\n{len(everything)} revocations, {outcome.calls} calls and {outcome.refreshes} refreshes, 0 failed")
    for number, one in enumerate(zip(*everything, strict=True)):
        print(f"  mcp_service {number:<22} median {statistics.median(one):.2f} s, max {max(one):.2f} s")
    for ending, each in seconds.items():
        slowest = [max(replicas) for replicas in each]
        print(f"  {ending:<34} median {statistics.median(slowest):.2f} s, max {max(slowest):.2f} s")
    return max(map(max, everything))


async def test_every_replica_refuses_within_two_seconds_of_the_answer_and_refuses_nothing_else(make_pair):
    fleet = await make_pair(auth=AUTH, mcp=MCP, gateway=Gateway(), own=SETTINGS)
    async with aiohttp.ClientSession() as http:
        seconds, outcome = await revoke_all(fleet, http, lambda: None)
    longest = show(seconds, outcome)
    assert longest <= WITHIN_SECONDS


async def test_every_replica_refuses_in_time_though_every_long_poll_is_cut_at_that_instant(make_pair):
    """In turns, every connection to the issuer is cut with the answer, or loses the answer that tells of the change."""
    gateway = Gateway()
    cut: list[int] = []
    async with (
        CuttingProxy(gateway.http_port) as keys,
        CuttingProxy(gateway.http_port) as lists,
        aiohttp.ClientSession() as http,
    ):
        through_proxies = {
            "MCP_JWKS_URL": f"{keys.url}/.well-known/jwks.json",
            "MCP_STATUS_LISTS_URL": f"{lists.url}/status-lists",
        }
        fleet = await make_pair(auth=AUTH, mcp=MCP, gateway=gateway, own=SETTINGS | through_proxies)
        interruptions = itertools.cycle([CuttingProxy.cut, CuttingProxy.cut_at_answer])

        def interrupt():
            interruption = next(interruptions)
            interruption(keys)
            cut.append(interruption(lists))

        seconds, outcome = await revoke_all(fleet, http, interrupt)
    longest = show(seconds, outcome)
    print(f"  {sum(cut)} long polls of the lists cut, {statistics.mean(cut):.1f} of {MCP} at each revocation")
    # Those that are missing had been cut a moment before, for another revocation.
    assert statistics.mean(cut) > MCP / 2
    assert longest <= WITHIN_SECONDS
