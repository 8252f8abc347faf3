"""`make bench`: runs every benchmark, or those named, and prints one table."""

from __future__ import annotations

import argparse
import ast
import asyncio
import importlib
import platform
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import uvloop

from tests.benchmarks.harness import Report


def main() -> None:
    """Run the benchmarks one after the other."""
    known = {path.stem.removeprefix("bench_"): path for path in sorted(Path(__file__).parent.glob("bench_*.py"))}
    chosen, seconds = _arguments(known)
    report = Report(seconds=seconds)
    began = time.monotonic()
    run_topics({name: importlib.import_module(f"tests.benchmarks.bench_{name}").run for name in chosen}, report)
    took = time.monotonic() - began
    print(f"\n{report.table()}\n\nPython {platform.python_version()} on {platform.machine()}; it took {took:.0f} s")


def run_topics(topics: Mapping[str, Callable[[Report], Coroutine[Any, Any, None]]], report: Report) -> None:
    """Run the topics one after the other, each on an event loop of its own. A failed one is a row without a figure."""
    for name, run in topics.items():
        print(f"{name}:", flush=True)
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(run(report))
        except Exception as exc:  # noqa: BLE001 - the other topics do not depend on it
            report.add_failed(name, exc)


def _arguments(known: dict[str, Path]) -> tuple[list[str], float]:
    topics = "\n".join(f"  {name:<14}{_first_line(path)}" for name, path in known.items())
    parser = argparse.ArgumentParser(
        prog="make bench ARGS=…",
        description=f"Measure, and print one table.\n\n{topics}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("topic", nargs="*", help="what to measure; everything when none is named")
    parser.add_argument(
        "--seconds", type=float, default=Report.seconds, help="about how long one side of a comparison may take"
    )
    arguments = parser.parse_args()
    unknown = set(arguments.topic) - set(known)
    if unknown:
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    return arguments.topic or list(known), arguments.seconds


def _first_line(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]


if __name__ == "__main__":
    main()
