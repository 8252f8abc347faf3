"""`make bench`: runs every benchmark, or those named, and prints one table."""

from __future__ import annotations

import argparse
import ast
import asyncio
import importlib
import platform
import time
from pathlib import Path

import uvloop

from tests.benchmarks.harness import Report


def main() -> None:
    """Run the benchmarks one after the other."""
    known = {path.stem.removeprefix("bench_"): path for path in sorted(Path(__file__).parent.glob("bench_*.py"))}
    chosen, seconds = _arguments(known)
    report = Report(seconds=seconds)
    began = time.monotonic()
    for name in chosen:
        print(f"{name}:", flush=True)
        module = importlib.import_module(f"tests.benchmarks.bench_{name}")
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(module.run(report))
    took = time.monotonic() - began
    print(f"\n{report.table()}\n\nPython {platform.python_version()} on {platform.machine()}; it took {took:.0f} s")


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
