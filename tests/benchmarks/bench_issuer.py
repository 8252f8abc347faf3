"""Requests to the issuer per million tool calls, counted at the issuer over one whole long-poll of the key set.

The real pair. From the moment that mcp_service has its keys, it is called without a pause, until the issuer has
answered the long-poll that began with it: one period of what goes on for ever after.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from mcp_service.issuer.long_polling import WAIT_SECONDS
from tests.benchmarks.callers import Callers
from tests.benchmarks.harness import UNLIMITED
from tests.benchmarks.tool_calls import tool_call
from tests.e2e.pair import Pair
from tests.support.plain_client import PlainClient
from tests.support.user_agent import user_agent

if TYPE_CHECKING:
    from tests.benchmarks.harness import Report

BATCH = 100
MOST_SECONDS = 4 * WAIT_SECONDS
NOT_A_CALLERS = ("/livez", "/readyz", "/metrics")


async def run(report: Report) -> None:
    """Count over one period."""
    pair = Pair(own={**UNLIMITED, "MCP_LOG_LEVEL": "warning"})
    try:
        await pair.start()
        async with PlainClient(pair) as client, user_agent(pair.username, pair.password) as user:
            token = (await client.tokens(user))["access_token"]
            await pair.mcp[0].stop()
            before = await answered_requests(client)
            await pair.mcp[0].start()
            at_start = await answered_requests(client) - before
            calls, seconds, asked = await _one_period(pair, client, token)
    finally:
        await pair.close()
    report.add(
        "requests to the issuer per million tool calls of a busy process",
        1e6 * asked / calls,
        unit="requests",
        detail=f"{asked} in {calls:,} calls and {seconds:.1f} s, and {at_start} at its start; "
        f"at rest or at work {3600 // WAIT_SECONDS} an hour; with introspection it would be a million",
    )


async def _one_period(pair: Pair, client: PlainClient, token: str) -> tuple[int, float, int]:
    """Calls made, seconds taken, and requests that the issuer answered meanwhile."""
    batch = [tool_call(token, "whoami", {})] * BATCH
    before, began, calls = await answered_requests(client), time.monotonic(), 0
    async with Callers(pair.mcp[0].port, pair.mcp[0].pid) as callers, asyncio.timeout(MOST_SECONDS):
        while (asked := await answered_requests(client) - before) == 0:
            await callers.make(batch)
            calls += BATCH
    return calls, time.monotonic() - began, asked


async def answered_requests(client: PlainClient) -> int:
    """Those that the issuer has answered so far, as its metrics tell."""
    async with client.http.get(f"{client.pair.issuer}/metrics") as response:
        lines = (await response.text()).splitlines()
    counts = (line for line in lines if line.startswith("sallyport_http_requests_total{"))
    return int(
        sum(
            float(line.rpartition(" ")[2])
            for line in counts
            if not any(f'route="{route}"' in line for route in NOT_A_CALLERS)
        )
    )
