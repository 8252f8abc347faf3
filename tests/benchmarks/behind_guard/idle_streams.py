"""Many open streams through the guard: what one costs in memory, and what calls beside them feel."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from tests.benchmarks.behind_guard.event_streams import IdleStreams
from tests.benchmarks.harness import processor_seconds, resident_megabytes
from tests.benchmarks.tool_calls import Callers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.benchmarks.child_process import Child
    from tests.benchmarks.harness import Report

STREAMS: Final = 2000
_WARM: Final = 200
_QUIET_SECONDS: Final = 2.0


async def measure_idle_streams(report: Report, name: str, guard: Child, *, token: str, call: bytes) -> None:
    """Open, wait, send an event to all, leave; calls go on beside it. Adds the memory and the longest call."""
    streams = IdleStreams(guard.port, token)
    async with Callers(guard.port, guard.pid, connections=1) as callers:
        await streams.open(_WARM)
        await streams.event_to_all()
        streams.close()
        await callers.make([call] * 200)
        pauses: dict[str, float] = {}
        async with _noted(pauses, "without streams", callers, call):
            await asyncio.sleep(_QUIET_SECONDS)
        before = resident_megabytes(guard.pid)
        async with _noted(pauses, "while they open", callers, call):
            started = time.perf_counter()
            await streams.open(STREAMS)
            opening = time.perf_counter() - started
        async with _noted(pauses, "while they idle", callers, call):
            await asyncio.sleep(_QUIET_SECONDS)
        after = resident_megabytes(guard.pid)
        used = processor_seconds(guard.pid)
        await asyncio.sleep(_QUIET_SECONDS)
        at_rest = (processor_seconds(guard.pid) - used) / _QUIET_SECONDS
        async with _noted(pauses, "while each gets an event", callers, call):
            await streams.event_to_all()
        async with _noted(pauses, "while all leave", callers, call):
            streams.close()
            await asyncio.sleep(_QUIET_SECONDS / 2)
    report.add(
        name,
        (after - before) * 1e3 / STREAMS,
        unit="kB",
        detail=f"{before:.0f} MB before {STREAMS:,} streams, {after:.0f} MB with them; opened within {opening:.1f} s; "
        f"{at_rest:.1%} of a core while idle",
    )
    report.add(
        f"the longest call beside {STREAMS:,} open streams",
        max(pause for phase, pause in pauses.items() if phase != "without streams") * 1e3,
        unit="ms",
        detail="; ".join(f"{phase} {pause * 1e3:.0f} ms" for phase, pause in pauses.items()),
    )


@asynccontextmanager
async def _noted(pauses: dict[str, float], phase: str, callers: Callers, call: bytes) -> AsyncIterator[None]:
    """Make calls one after the other meanwhile, and note the longest."""
    is_over = False

    async def go_on() -> float:
        longest = 0.0
        while not is_over:
            started = time.perf_counter()
            await callers.make([call])
            longest = max(longest, time.perf_counter() - started)
        return longest

    calling = asyncio.create_task(go_on())
    try:
        yield
    finally:
        is_over = True
        pauses[phase] = await calling
