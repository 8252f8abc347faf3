"""`make bench`: runs every benchmark, or those named, and prints one table."""

from __future__ import annotations

import argparse
import ast
import asyncio
import importlib
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import uvloop

from tests.benchmarks.harness import Report
from tests.benchmarks.raw_signatures import KEY_BITS, cost_of_signature, raw_signature

PACKAGE: Final = "tests.benchmarks"
FIRST: Final = (
    *("tokens", "threads", "documents", "sdk", "fastmcp", "guard", "upstream", "verification", "oidc_provider"),
    *("flood", "start"),
)
"""The topics whose rows are read most often; the others follow in the order of their names."""


def main() -> None:
    """Run the benchmarks one after the other."""
    known = {path.stem.removeprefix("bench_"): path for path in sorted(Path(__file__).parent.glob("bench_*.py"))}
    topics, seconds = _arguments({name: known[name] for name in sorted(known, key=_place)})
    report = Report(seconds=seconds)
    began = time.monotonic()
    machine = _machine(seconds)
    run_topics({name: f"{PACKAGE}.bench_{name}" for name in topics}, report)
    took = time.monotonic() - began
    print(f"\n{machine}\n\n{report.table()}\n\nIt took {took:.0f} s.")


def run_topics(topics: Mapping[str, str], report: Report) -> None:
    """Run the modules of the topics one after the other, each on an event loop of its own. A failed one is a row."""
    for name, module in topics.items():
        print(f"{name}:", flush=True)
        try:
            run = importlib.import_module(module).run
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(run(report))
        except Exception as exc:  # noqa: BLE001 - the other topics do not depend on it
            report.add_failed(name, exc)


def _machine(seconds: float) -> str:
    signatures = 1 / cost_of_signature(raw_signature(), seconds=seconds)
    line = (
        f"Python {platform.python_version()} on {platform.machine()}; "
        f"a core makes {signatures:,.0f} raw RSA-{KEY_BITS} signatures per second."
    )
    print(line, flush=True)
    return line


def _place(topic: str) -> tuple[int, str]:
    return FIRST.index(topic) if topic in FIRST else len(FIRST), topic


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
