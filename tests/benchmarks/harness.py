"""The harness behind `make bench`: every figure is a ratio of two things measured in the same run.

A benchmark is a file `bench_<topic>.py` in this folder with

    async def run(report: Report) -> None:
        ...
        report.add(
            "a token seen for the first time, against the raw RSA verification",
            ratio,                  # how many times the yardstick; below 1 is a share of it
            at_most=2.5,            # the goal, if there is one (or at_least=…)
            detail="31 µs against 14 µs",
        )

A figure with a unit of its own (µs, MB, requests) names it: `report.add("a repeated token", 3.1, unit="µs")`.
Measure the two sides in turns, with `compare`, so that a machine that slows down slows both. Nothing here asserts:
a figure that misses its goal is marked in the table, and the exit code stays 0.
`make bench ARGS="tokens key_set"` runs two files only.
"""

from __future__ import annotations

import gc
import inspect
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

Work = Callable[[], object] | Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Figure:
    """One row of the table."""

    name: str
    value: float
    unit: str
    at_least: float | None
    at_most: float | None
    detail: str

    @property
    def goal(self) -> str:
        """The goal in words, empty when there is none."""
        if self.at_least is not None:
            return f"≥ {_number(self.at_least)}{self.unit}"
        return f"≤ {_number(self.at_most)}{self.unit}" if self.at_most is not None else ""

    @property
    def met(self) -> bool:
        """Whether the goal, if any, is met."""
        return not (
            (self.at_least is not None and self.value < self.at_least)
            or (self.at_most is not None and self.value > self.at_most)
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
        value: float,
        *,
        unit: str = "×",
        at_least: float | None = None,
        at_most: float | None = None,
        detail: str = "",
    ) -> None:
        """Add a figure, and show it at once."""
        figure = Figure(name, value, unit if unit == "×" else f" {unit}", at_least, at_most, detail)
        self.figures.append(figure)
        print(f"  {_row(figure)}", flush=True)

    def table(self) -> str:
        """The table, in Markdown, ready for the README."""
        rows = ["| figure | measured | goal | |", "|---|---|---|---|"]
        for f in self.figures:
            missed = "" if f.met else " **missed**"
            rows.append(f"| {f.name} | {_number(f.value)}{f.unit} | {f.goal}{missed} | {f.detail} |")
        return "\n".join(rows)


async def seconds_per_call(work: Work, *, seconds: float) -> float:
    """The time of one call, in seconds: the best of five stretches that together take about `seconds`."""
    best = float("inf")
    count = 1
    gc.collect()
    deadline = time.perf_counter() + seconds
    while best == float("inf") or time.perf_counter() < deadline:
        started = time.perf_counter()
        for _ in range(count):
            outcome = work()
            if inspect.isawaitable(outcome):
                await outcome
        elapsed = time.perf_counter() - started
        best = min(best, elapsed / count)
        # Stretches long enough for the clock, short enough that several fit.
        count = max(1, min(1_000_000, int(count * (seconds / 5) / max(elapsed, 1e-9))))
    return best


async def compare(subject: Work, yardstick: Work, *, seconds: float, rounds: int = 3) -> tuple[float, float]:
    """The times of one call of each, in seconds, measured in turns; the medians over the rounds."""
    subjects, yardsticks = [], []
    for _ in range(rounds):
        subjects.append(await seconds_per_call(subject, seconds=seconds / rounds))
        yardsticks.append(await seconds_per_call(yardstick, seconds=seconds / rounds))
    return statistics.median(subjects), statistics.median(yardsticks)


def _row(figure: Figure) -> str:
    goal = f"  (goal {figure.goal}{'' if figure.met else ', MISSED'})" if figure.goal else ""
    detail = f"  {figure.detail}" if figure.detail else ""
    return f"{figure.name}: {_number(figure.value)}{figure.unit}{goal}{detail}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
