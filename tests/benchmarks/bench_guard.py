"""Cost of the guard per tool call, and of a flood of forged key ids for valid calls.

The server runs in a process of its own; requests are written to the socket ready-made, so that the client costs little.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import statistics
import time
from typing import TYPE_CHECKING

from tests.benchmarks.callers import Callers, Connection
from tests.benchmarks.child_process import child_process
from tests.benchmarks.cores import calling_from, pin, two_cores
from tests.benchmarks.harness import Turns, in_turns
from tests.benchmarks.tool_calls import tool_call
from tests.support.local_issuer import LocalIssuer, LocalTokenIssuer, new_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from tests.benchmarks.child_process import Child
    from tests.benchmarks.harness import Report

RESOURCE = "http://localhost:9001/mcp"
SERVER = "tests.mcp_service.slow_server"
ROUNDS = 5
COMPANY = 4
CLIENT_CORE, SERVER_CORE = two_cores()
TURNS, CALLS = 16, 200
"""The guard costs a few hundredths of a call: many short turns show it."""


def tool_server(mode: str, issuer: LocalIssuer) -> AbstractAsyncContextManager[Child]:
    """Start it, and end it afterwards."""
    settings = {
        "issuer": issuer.url,
        "resource": RESOURCE,
        "server": f"{SERVER}:server",
        "scopes": f"{SERVER}:scopes",
        "rate_limits": "off",
    }
    return child_process("tool_server", json.dumps(settings), mode)


async def load(port: int, make: Callable[[], bytes], seconds: float, expect: int) -> list[float]:
    """Call over several connections for a while; the seconds that each call took."""
    taken: list[float] = []
    end = time.perf_counter() + seconds

    async def one() -> None:
        connection = await Connection.open(port)
        while time.perf_counter() < end:
            data = make()
            started = time.perf_counter()
            status, _body = await connection.ask(data)
            taken.append(time.perf_counter() - started)
            assert status == expect, status
        connection.close()

    await asyncio.gather(*(one() for _ in range(COMPANY)))
    return taken


async def run(report: Report) -> None:
    """The guard against no guard; a flood against valid calls beside it."""
    key = new_key()
    issuer = LocalIssuer()
    await issuer.publish(key)
    await issuer.start()
    token_issuer = LocalTokenIssuer(issuer=issuer.url, resource=RESOURCE, key=key)
    async with tool_server("guarded", issuer) as guarded, tool_server("open", issuer) as unguarded:
        for server in (guarded, unguarded):
            pin(server.pid, SERVER_CORE)
        await _guard(report, guarded, unguarded, token_issuer)
        await _flood(report, guarded, issuer, token_issuer)
    await issuer.stop()


async def _guard(report: Report, guarded: Child, unguarded: Child, token_issuer: LocalTokenIssuer) -> None:
    calls = [_call(token_issuer.issue(scope="slow:use"))] * max(20, round(CALLS * report.seconds))
    async with Callers(guarded.port, guarded.pid) as behind, Callers(unguarded.port, unguarded.pid) as without:
        await behind.make(calls)
        await without.make(calls)
        cost = await in_turns(
            calling_from(CLIENT_CORE, lambda: without.cost(calls)),
            calling_from(CLIENT_CORE, lambda: behind.cost(calls)),
            rounds=TURNS,
        )
    report.add(
        "the rate of an authenticated tool call, against the same call with the guard taken off",
        cost.ratios,
        at_least=0.97,
        detail=f"{cost.yardstick * 1e6:.0f} µs against {cost.subject * 1e6:.0f} µs of the server's processor",
    )


async def _flood(report: Report, server: Child, issuer: LocalIssuer, token_issuer: LocalTokenIssuer) -> None:
    good = _call(token_issuer.issue(scope="slow:use"))
    rest = token_issuer.issue(scope="slow:use").partition(".")[2]
    cheap = new_key("cheap", "ES256")

    def forged() -> bytes:
        forged_header = token_issuer.issue(header={"kid": secrets.token_hex(8)}, key=cheap).partition(".")[0]
        return _call(f"{forged_header}.{rest}")

    flood = [forged() for _ in range(10_000)]
    turns: list[tuple[float, float]] = []
    asked = len(issuer.requests)
    seconds = max(0.3, report.seconds / ROUNDS)

    async def beside(make: Callable[[], bytes], status: int) -> float:
        others = asyncio.create_task(load(server.port, make, seconds, status))
        taken = await load(server.port, lambda: good, seconds, 200)
        await others
        return statistics.median(taken)

    for _ in range(ROUNDS):
        calm, flooded = [await beside(make, status) for make, status in ((lambda: good, 200), (flood.pop, 401))]
        turns.append((flooded, calm))
    latency = Turns(tuple(turns))
    report.add(
        "an honest call in a flood of forged key ids, against one among as many honest callers",
        latency.ratios,
        at_most=1.2,
        detail=f"{latency.subject * 1e3:.1f} ms against {latency.yardstick * 1e3:.1f} ms; "
        f"{len(issuer.requests) - asked} requests to the issuer for {10_000 - len(flood)} forged tokens",
    )


def _call(token: str) -> bytes:
    return tool_call(token, "who", {})
