"""The functions that the tests which attack an invariant enter while they run in this process.

`python -m tests.support.entered_functions` reads {number: ["file:function", ...]} from standard input, runs tests that
are marked with the numbers, each while one of its invariants lacks a function, and prints what was never entered. Both
are JSON. It is a process of its own: tracing changes the speed of all tests.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from types import CodeType, FrameType

import pytest

from devstack.service_process import REPOSITORY

_FOLDERS = ("auth_service", "mcp_service", "shared", "races")
"""Their tests call the packages in their own process."""


class _Tracer:
    """A plugin that takes each function from `missing` that is entered during a test of its invariant."""

    def __init__(self, missing: Mapping[int, set[str]]) -> None:
        self._missing = missing
        self._lacking: list[set[str]] = []
        self._names: dict[CodeType, str] = {}

    def pytest_runtest_setup(self) -> None:
        if not any(self._lacking):
            pytest.skip("its functions have been entered")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        numbers = [number for marker in item.iter_markers("invariant") for number in marker.args]
        self._lacking = [self._missing[number] for number in numbers]
        sys.settrace(self._entered)
        threading.settrace(self._entered)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            threading.settrace(None)

    def _entered(self, frame: FrameType, _event: str, _argument: object) -> None:
        code = frame.f_code
        name = self._names.get(code)
        if name is None:
            file = code.co_filename.removeprefix(f"{REPOSITORY}/")
            name = self._names[code] = f"{file}:{code.co_name}"
        for lacking in self._lacking:
            lacking.discard(name)


def never_entered(functions: Mapping[int, Sequence[str]]) -> dict[int, list[str]]:
    """Of each invariant the functions, as `file:function`, that no test of it has entered."""
    command = [sys.executable, "-m", "tests.support.entered_functions"]
    done = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, check=False, input=json.dumps(functions)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {int(number): names for number, names in json.loads(done.stdout.splitlines()[-1]).items()}


def main() -> None:
    """Run the tests, and print."""
    missing = {int(number): set(names) for number, names in json.load(sys.stdin).items()}
    files = (file for folder in _FOLDERS for file in sorted((REPOSITORY / "tests" / folder).rglob("test_*.py")))
    marked = [str(file) for file in files if "invariant(" in file.read_text(encoding="utf-8")]
    options = [
        "--quiet",
        "-m",
        "invariant and not long and not npm and not browser",
        "-p",
        "no:xdist",
        "--timeout",
        "600",
    ]
    status = pytest.main([*options, *marked], plugins=[_Tracer(missing)])
    print(json.dumps({number: sorted(names) for number, names in missing.items() if names}))
    sys.exit(status)


if __name__ == "__main__":
    main()
