"""Tokens issued by refresh on one core, against the raw RSA signatures of that core.

Two real processes with a real store each, one with its default settings, the other without a log; both without rate
limits, which the load would meet. What a service spends is read from its own processor time, so that the clients and
the store, which run beside it, don't count: a token per so many seconds of one saturated core.
"""

from __future__ import annotations

import statistics
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.benchmarks.callers import Callers
from tests.benchmarks.child_process import child_process
from tests.benchmarks.cores import pin, this_process_on, two_cores
from tests.benchmarks.harness import UNLIMITED, Spread
from tests.benchmarks.raw_signatures import cost_of_signature, raw_signature
from tests.benchmarks.refreshing import Refreshing
from tests.e2e.pair import Pair
from tests.support.plain_client import PlainClient
from tests.support.user_agent import user_agent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from tests.benchmarks.harness import Report

CLIENT_CORE, SERVER_CORE = two_cores()
GRANTS: Final = 32
"""So many that the core never waits for a client."""
ROUNDS, REFRESHES = 12, 500
SIGNED_SECONDS: Final = 0.1


class Costs(NamedTuple):
    """Of one round, in seconds of processor time."""

    signature: float
    refresh: float
    without_log: float
    bare: float
    bare_with_batcher: float


@asynccontextmanager
async def refreshed(own: Mapping[str, str], *, module: str = "auth_service") -> AsyncIterator[tuple[Pair, Refreshing]]:
    """An auth_service with these settings, or a module in its place, and clients whose grants it knows."""
    pair = Pair(mcp=0, resource="http://localhost:9/mcp", own={**UNLIMITED, **own})
    pair.auth = [pair._process(module, 0, pair.auth_environment, pair.auth[0].port)]
    try:
        await pair.start()
        async with PlainClient(pair) as client, user_agent(pair.username, pair.password) as user:
            tokens = [(await client.tokens(user))["refresh_token"] for _ in range(GRANTS)]
        (service,) = pair.auth
        async with Refreshing(
            service.port, service.pid, path="/token", client_id=client.client_id, tokens=tokens
        ) as clients:
            yield pair, clients
    finally:
        await pair.close()


async def run(report: Report) -> None:
    """All in turns; the client has the other core, where there is one."""
    count = max(GRANTS, round(REFRESHES * report.seconds))
    sign = raw_signature()
    async with AsyncExitStack() as stack:
        pair, default = await stack.enter_async_context(refreshed({}))
        silent_pair, silent = await stack.enter_async_context(refreshed({"AUTH_LOG_LEVEL": "error"}))
        for clients in (default, silent):
            await clients.refresh(count)
        size, same = str(len(default.answer)), [default.request()] * count
        servers, bare = [], []
        for client in ("redis-py", "batcher"):
            server = child_process("bare_token_server", f"{pair.store.url}?db=0", size, client)
            servers.append(await stack.enter_async_context(server))
            callers = Callers(servers[-1].port, servers[-1].pid, connections=GRANTS)
            bare.append(await stack.enter_async_context(callers))
            await bare[-1].make(same)
        for pid in (pair.auth[0].pid, silent_pair.auth[0].pid, *(server.pid for server in servers)):
            pin(pid, SERVER_CORE)
        costs = []
        for _ in range(ROUNDS):
            with this_process_on(SERVER_CORE):
                signature = cost_of_signature(sign, seconds=SIGNED_SECONDS * report.seconds)
            with this_process_on(CLIENT_CORE):
                refreshes = await default.cost(count), await silent.cost(count)
                costs.append(Costs(signature, *refreshes, *[await callers.cost(same) for callers in bare]))
    _report(report, costs)


def _report(report: Report, costs: list[Costs]) -> None:
    median = Costs(*(1e6 * statistics.median(column) for column in zip(*costs, strict=True)))
    report.add(
        "tokens issued by refresh on one core (RS256, default settings), against its raw RSA signatures",
        Spread.of([c.signature / c.refresh for c in costs]),
        at_least=0.62,
        detail=f"{1e6 / median.refresh:,.0f} against {1e6 / median.signature:,.0f} per second of processor time "
        f"({median.refresh:.0f} against {median.signature:.0f} µs); without log "
        f"{median.signature / median.without_log:.2f}× ({median.without_log:.0f} µs)",
    )
    report.add(
        "all of a refresh beside its signature, against a bare aiohttp handler with one script and one form parse",
        Spread.of([(c.refresh - c.signature) / c.bare for c in costs]),
        at_most=1.5,
        detail=f"{median.refresh - median.signature:.0f} against {median.bare:.0f} µs of processor time; "
        f"with the script batcher of this project the handler takes {median.bare_with_batcher:.0f} µs",
    )
