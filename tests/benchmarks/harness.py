"""The harness behind `make bench`: every figure is a ratio of two things measured in the same run.

How each is made: docs/benchmarks.md.

A benchmark is a file `bench_<topic>.py` in this folder with

    async def run(report: Report) -> None:
        ...
        report.add(
            "a token seen for the first time, against the raw RSA verification",
            turns.ratios,           # how many times the yardstick, with quartiles; below 1 is a share of it
            at_most=2.5,            # the aim, if there is one (or at_least=…)
            detail="31 µs against 14 µs",
        )

A figure with a unit of its own (µs, MB, requests) names it: `report.add("a repeated token", 3.1, unit="µs")`.
Machines are noisy. What happens in this process is measured with `compare`, what another process does with
`processor_seconds` and `in_turns`: in short turns, so that a machine that slows down slows both sides, and in time of
the processor where one core is meant, so that other processes of the machine count little. Nothing here asserts: a
figure that misses its aim is marked in the table, and the exit code stays 0.
`make bench ARGS="tokens keys"` runs two files only.
"""

from __future__ import annotations

import gc
import inspect
import os
import statistics
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

UNLIMITED: Final = {
    "AUTH_RATE_LIMITS": "off",
    "MCP_RATE_LIMITS": "off",
    "AUTH_MAX_CONNECTIONS_PER_NETWORK": "4096",
    "MCP_MAX_CONNECTIONS_PER_NETWORK": "4096",
}
"""The settings of every pair that is measured: on a fast machine the load of a benchmark would meet the limits."""

Work = Callable[[], object] | Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Spread:
    """A median, and the quartiles around it."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Of at least one value."""
        # A single value has no quartiles of its own before Python 3.13.
        return cls(*statistics.quantiles(values if len(values) > 1 else [*values, *values], method="inclusive"))

    def __mul__(self, scale: float) -> Spread:
        """In another unit."""
        return Spread(self.low * scale, self.median * scale, self.high * scale)


@dataclass(frozen=True)
class Figure:
    """One row of the table."""

    name: str
    value: Spread | float | None
    """A float was measured once. None: it could not be measured; the detail says why."""
    unit: str
    at_least: float | None
    at_most: float | None
    detail: str

    @property
    def aim(self) -> str:
        """The aim in words, empty when there is none."""
        if self.at_least is not None:
            return f"≥ {_number(self.at_least)}{self.unit}"
        return f"≤ {_number(self.at_most)}{self.unit}" if self.at_most is not None else ""

    @property
    def median(self) -> float | None:
        """Of what was measured several times; what was measured once."""
        return self.value.median if isinstance(self.value, Spread) else self.value

    @property
    def measured(self) -> str:
        """The median in words."""
        return "not measured" if self.median is None else f"{_number(self.median)}{self.unit}"

    @property
    def quartiles(self) -> str:
        """Those around the median, empty for what was measured once."""
        return f"{_number(self.value.low)} – {_number(self.value.high)}" if isinstance(self.value, Spread) else ""

    @property
    def met(self) -> bool:
        """Whether the aim, if any, is met."""
        return self.median is None or not (
            (self.at_least is not None and self.median < self.at_least)
            or (self.at_most is not None and self.median > self.at_most)
        )


@dataclass
class Report:
    """Collects figures and prints them as one table."""

    figures: list[Figure] = field(default_factory=list)
    seconds: float = 1.0
    """About how long one side of a comparison may take."""

    def add(
        self,
        name: str,
        value: Spread | float,
        *,
        unit: str = "×",
        at_least: float | None = None,
        at_most: float | None = None,
        detail: str = "",
    ) -> None:
        """Add a figure, and show it at once."""
        self._add(Figure(name, value, unit if unit == "×" else f" {unit}", at_least, at_most, detail))

    def add_missing(self, name: str, *, why: str) -> None:
        """Add a figure that could not be measured here."""
        self._add(Figure(name, None, "", None, None, why))

    def add_failed(self, name: str, exc: Exception) -> None:
        """Add a figure whose measurement failed: the other figures and the table do not depend on it."""
        traceback.print_exception(exc)
        self.add_missing(name, why=f"{type(exc).__name__}: {exc}".splitlines()[0][:200])

    def table(self) -> str:
        """The table, in Markdown, ready for the README."""
        rows = ["| figure | aim | median | quartiles | |", "|---|---|---|---|---|"]
        for f in self.figures:
            missed = "" if f.met else ", missed"
            rows.append(f"| {f.name} | {f.aim}{missed} | {f.measured} | {f.quartiles} | {f.detail} |")
        return "\n".join(rows)

    def _add(self, figure: Figure) -> None:
        self.figures.append(figure)
        aim = f" (aim {figure.aim}{'' if figure.met else ', missed'})" if figure.aim else ""
        print(f"  {figure.name}: {figure.measured}{aim} {figure.quartiles} {figure.detail}", flush=True)


async def seconds_per_call(work: Work, *, seconds: float) -> float:
    """The processor time of one call, in seconds: the best of five stretches that together take about `seconds`."""
    best = float("inf")
    count = 1
    gc.collect()
    deadline = time.perf_counter() + seconds
    while best == float("inf") or time.perf_counter() < deadline:
        started = time.process_time()
        for _ in range(count):
            outcome = work()
            if inspect.isawaitable(outcome):
                await outcome
        elapsed = time.process_time() - started
        best = min(best, elapsed / count)
        # Stretches long enough for the clock, short enough that several fit.
        count = max(1, min(1_000_000, int(count * (seconds / 5) / max(elapsed, 1e-9))))
    return best


@dataclass(frozen=True)
class Turns:
    """Two costs measured in turns: each pair is a turn of the subject and its neighbour of the yardstick."""

    pairs: tuple[tuple[float, float], ...]

    @property
    def subjects(self) -> Spread:
        """The subject's costs."""
        return Spread.of([subject for subject, _ in self.pairs])

    @property
    def subject(self) -> float:
        """The median of the subject's cost."""
        return self.subjects.median

    @property
    def yardstick(self) -> float:
        """The median of the yardstick's cost."""
        return statistics.median(yardstick for _, yardstick in self.pairs)

    @property
    def ratios(self) -> Spread:
        """The subject's cost as so many times the yardstick's."""
        return Spread.of([subject / yardstick for subject, yardstick in self.pairs])

    @property
    def ratio(self) -> float:
        """The median of the ratios."""
        return self.ratios.median

    @property
    def differences(self) -> Spread:
        """Cost of the subject beyond that of the yardstick."""
        return Spread.of([subject - yardstick for subject, yardstick in self.pairs])


async def compare(subject: Work, yardstick: Work, *, seconds: float, rounds: int = 7) -> Turns:
    """The times of one call of each in this process, in seconds, measured in turns."""
    return await in_turns(
        lambda: seconds_per_call(subject, seconds=seconds / rounds),
        lambda: seconds_per_call(yardstick, seconds=seconds / rounds),
        rounds=rounds,
    )


async def in_turns(
    subject: Callable[[], Awaitable[float]], yardstick: Callable[[], Awaitable[float]], *, rounds: int
) -> Turns:
    """Each measures one short turn and says what a unit of its work cost.

    Neighbours are compared with each other, so that a slow stretch of the machine falls on both; which goes first
    changes from round to round.
    """
    pairs = []
    for number in range(rounds):
        if number % 2:
            cost_of_yardstick = await yardstick()
            pairs.append((await subject(), cost_of_yardstick))
        else:
            cost_of_subject = await subject()
            pairs.append((cost_of_subject, await yardstick()))
    return Turns(tuple(pairs))


def processor_seconds(pid: int | None) -> float:
    """Processor time of a process so far, all its threads together. Linux; in steps of nanoseconds."""
    assert pid is not None, "the process has ended"
    # The clock of another process, as clock_getcpuclockid(3) makes its number.
    return time.clock_gettime((~pid << 3) | 2)


def resident_megabytes(pid: int | None) -> float:
    """The memory that a process holds now."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
