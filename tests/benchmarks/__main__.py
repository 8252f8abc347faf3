"""`make bench`: runs every benchmark, or those named, and prints one table."""

from __future__ import annotations

import asyncio
import importlib
import platform
import sys
from pathlib import Path

import uvloop

from tests.benchmarks.harness import Report


def main() -> None:
    """Run the benchmarks one after the other."""
    known = sorted(p.stem.removeprefix("bench_") for p in Path(__file__).parent.glob("bench_*.py"))
    chosen = sys.argv[1:] or known
    unknown = set(chosen) - set(known)
    if unknown:
        sys.exit(f"there is no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
    report = Report()
    for name in chosen:
        print(f"{name}:", flush=True)
        module = importlib.import_module(f"tests.benchmarks.bench_{name}")
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(module.run(report))
    print(f"\n{report.table()}\n\nPython {platform.python_version()} on {platform.machine()}")


if __name__ == "__main__":
    main()
