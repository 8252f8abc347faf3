"""Refreshes by a service that may sign in a thread, against one that never does: with a second core, and on one core.

The service tries every few seconds of load whether the thread pays (auth_service/keys/signing_trials.py). Rates are by
the clock here, because the thread needs no less of the processor: on a busy machine the first row means little. On two
cores the clients and the store share the second one with the thread. In the second row both services are kept on one
core, which the first is not told, so that it goes on trying; what counts there is processor time, trials included.
"""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

from tests.benchmarks.bench_tokens import GRANTS, refreshed
from tests.benchmarks.cores import calling_from, pin, two_cores
from tests.benchmarks.harness import Turns, in_turns

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.benchmarks.harness import Report
    from tests.benchmarks.refreshing import Refreshing

CLIENT_CORE, SERVER_CORE = two_cores()
TRIAL_SECONDS: Final = 10.0
"""Load for so long contains a trial."""
ROUNDS, REFRESHES = 3, 3000


async def run(report: Report) -> None:
    """First with all cores, then with one."""
    count = max(GRANTS, round(REFRESHES * report.seconds))
    async with AsyncExitStack() as stack:
        pair, threaded = await stack.enter_async_context(refreshed({}))
        other, inline = await stack.enter_async_context(refreshed({}, module="tests.benchmarks.signing_inline"))
        for clients in (threaded, inline):
            await clients.refresh(count)  # a connection without any request would not be kept for a turn
        with_all = await _turns(threaded, inline, lambda clients: _after_a_trial(clients, count))
        for service in (pair.auth[0], other.auth[0]):
            pin(service.pid, SERVER_CORE)
        with_one = await _turns(threaded, inline, lambda clients: clients.cost_during(TRIAL_SECONDS))
    report.add(
        "refreshes per second of a service that may sign in a thread, against one that does not",
        with_all.ratios,
        at_least=1.3,
        detail=f"{1 / with_all.yardstick:,.0f} against {1 / with_all.subject:,.0f}, "
        f"{len(os.sched_getaffinity(0))} cores for services, store and clients together",
    )
    report.add(
        "the same on one core, per second of processor time",
        with_one.ratios,
        at_least=0.97,
        detail=f"{1 / with_one.yardstick:,.0f} against {1 / with_one.subject:,.0f}",
    )


async def _turns(threaded: Refreshing, inline: Refreshing, measure: Callable[[Refreshing], Awaitable[float]]) -> Turns:
    return await in_turns(
        calling_from(CLIENT_CORE, lambda: measure(inline)),
        calling_from(CLIENT_CORE, lambda: measure(threaded)),
        rounds=ROUNDS,
    )


async def _after_a_trial(clients: Refreshing, count: int) -> float:
    # A service that has rested signs by itself until the next trial.
    await clients.go_on(TRIAL_SECONDS)
    return await clients.seconds(count)
