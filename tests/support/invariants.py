"""The tests that attack each invariant of SECURITY.md, as pytest collects them.

`python -m tests.support.invariants` prints {file: numbers} of the markers `invariant(number, ...)` of all collected
tests, as JSON. It is a process of its own: a run of some tests collects only those.
"""

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from devstack.service_process import REPOSITORY


class _Collected:
    """Gathers the markers when a collection is complete."""

    def __init__(self) -> None:
        self.numbers: defaultdict[str, set[int]] = defaultdict(set)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            file = Path(item.path).relative_to(REPOSITORY).as_posix()
            for marker in item.iter_markers("invariant"):
                self.numbers[file].update(marker.args)


def attacking_tests() -> dict[str, set[int]]:
    """The invariants that the collected tests of each file are marked with."""
    command = [sys.executable, "-m", "tests.support.invariants"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return {file: set(numbers) for file, numbers in json.loads(done.stdout.splitlines()[-1]).items()}


def main() -> None:
    """Collect, and print."""
    collected = _Collected()
    # Collecting a file costs more than reading it.
    files = sorted((REPOSITORY / "tests").rglob("test_*.py"))
    marked = [str(file) for file in files if "invariant(" in file.read_text(encoding="utf-8")]
    status = pytest.main(["--collect-only", "--quiet", *marked], plugins=[collected])
    print(json.dumps({file: sorted(numbers) for file, numbers in collected.numbers.items()}))
    sys.exit(status)


if __name__ == "__main__":
    main()
