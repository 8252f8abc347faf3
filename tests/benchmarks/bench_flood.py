"""A flood from one address, and what another client feels of it: refreshes one after the other, in turns."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from devstack.service_process import die_with_parent
from tests.benchmarks.harness import in_turns
from tests.e2e.pair import Pair
from tests.support.plain_client import PlainClient
from tests.support.user_agent import user_agent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.benchmarks.harness import Report

CONNECTIONS = 100
ROUNDS = 5
GRANTS = 12
REFRESHES = 200
"""At most, in each turn. The rate limits are on, because the flood is to meet them; the client must not, on any machine
(docs/rate-limits.md: 300 refreshes per grant, and 8,000 requests from a shared network)."""
FLOODER, CLIENT = "192.0.2.66", "160.79.104.10"


async def run(report: Report) -> None:
    """Both come through a proxy that the service trusts, so that they have addresses of their own."""
    pair = Pair(mcp=0, resource="http://localhost:9/mcp", own={"AUTH_TRUSTED_PROXIES": "127.0.0.0/8"})
    try:
        await pair.start()
        async with PlainClient(pair) as client, user_agent(pair.username, pair.password) as user:
            tokens = [(await client.tokens(user))["refresh_token"] for _ in range(GRANTS)]
            await _rate(pair, client, tokens, seconds=report.seconds)
            async with _flooder(f"http://127.0.0.1:{pair.auth[0].port}/authorize?client_id=x") as flooder:

                async def quiet() -> float:
                    flooder.send_signal(signal.SIGSTOP)
                    return 1 / await _rate(pair, client, tokens, seconds=report.seconds)

                async def flooded() -> float:
                    flooder.send_signal(signal.SIGCONT)
                    return 1 / await _rate(pair, client, tokens, seconds=report.seconds)

                taken = await in_turns(quiet, flooded, rounds=ROUNDS)
        report.add(
            f"refreshes of one client while another address floods on {CONNECTIONS} connections, against without",
            taken.ratios,
            at_least=0.9,
            detail=f"{1 / taken.yardstick:,.0f} against {1 / taken.subject:,.0f} per second",
        )
    finally:
        await pair.close()


async def _rate(pair: Pair, client: PlainClient, tokens: list[str], *, seconds: float) -> float:
    """Refreshes a second, one after the other."""
    url, done, started = f"http://127.0.0.1:{pair.auth[0].port}/token", 0, time.perf_counter()
    while done < REFRESHES and time.perf_counter() - started < seconds:
        number = done % len(tokens)
        form = {"grant_type": "refresh_token", "client_id": client.client_id, "refresh_token": tokens[number]}
        async with client.http.post(url, data=form, headers={"X-Forwarded-For": CLIENT}) as response:
            body = await response.json()
            assert response.status == 200, body
        tokens[number] = body["refresh_token"]
        done += 1
    return done / (time.perf_counter() - started)


@asynccontextmanager
async def _flooder(url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process of its own, so that the load is the service's and not the measurement's."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.benchmarks.flooder", url, FLOODER, str(CONNECTIONS)),
        stdout=asyncio.subprocess.PIPE,
        preexec_fn=die_with_parent,
    )
    assert process.stdout is not None
    try:
        # Until every connection has met the limit: the burst before it is no flood yet.
        for _ in range(CONNECTIONS):
            await process.stdout.readline()
        yield process
    finally:
        process.kill()
        await process.wait()
