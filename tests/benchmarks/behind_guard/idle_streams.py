"""Many open streams through the guard: what one costs in memory, and what calls beside them feel."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from tests.benchmarks.behind_guard.event_streams import IdleStreams
from tests.benchmarks.behind_guard.probe import probing
from tests.benchmarks.callers import Callers
from tests.benchmarks.harness import resident_megabytes

if TYPE_CHECKING:
    from tests.benchmarks.behind_guard.probe import Longest
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
    async with probing(guard.port, guard.pid, [call, _refused(call)]) as probe:
        await probe.phase("without streams")
        await asyncio.sleep(_QUIET_SECONDS)
        before = resident_megabytes(guard.pid)
        await probe.phase("while they open")
        started = time.perf_counter()
        await streams.open(STREAMS)
        opening = time.perf_counter() - started
        await probe.phase("while they idle")
        await asyncio.sleep(_QUIET_SECONDS)
        after = resident_megabytes(guard.pid)
        await probe.phase("while each gets an event")
        await streams.event_to_all()
        await probe.phase("while all leave")
        streams.close()
        await asyncio.sleep(_QUIET_SECONDS / 2)
        longest = await probe.longest()
    report.add(
        name,
        (after - before) * 1e3 / STREAMS,
        unit="kB",
        detail=f"{before:.0f} MB before {STREAMS:,} streams, {after:.0f} MB with them; opened within {opening:.1f} s",
    )
    longest.pop("start", None)
    calls = {phase: of_call for phase, (of_call, _) in longest.items()}
    answered_by_guard = {phase: of_guard for phase, (_, of_guard) in longest.items()}
    _add_longest(report, f"the longest call beside {STREAMS:,} open streams, in the guard's processor time", calls)
    _add_longest(report, "of these the longest that the guard refuses, without the server behind it", answered_by_guard)


def _refused(call: bytes) -> bytes:
    """A call that the guard answers by itself once it has read the token and the body: two messages in one."""
    head, _, body = call.partition(b"\r\n\r\n")
    batch = b"[%s]" % body
    return head.replace(b"Content-Length: %d" % len(body), b"Content-Length: %d" % len(batch)) + b"\r\n\r\n" + batch


def _add_longest(report: Report, name: str, phases: dict[str, Longest]) -> None:
    report.add(
        name,
        max(one.processor for phase, one in phases.items() if phase != "without streams") * 1e3,
        unit="ms",
        at_most=30,
        detail="; ".join(
            f"{phase} {one.processor * 1e3:.0f} ms, by the clock {one.by_clock * 1e3:.0f}"
            for phase, one in phases.items()
        ),
    )
