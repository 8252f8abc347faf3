"""What a call costs is the processor time of the process that limits the rate."""

import pytest

from tests.benchmarks import tool_calls
from tests.benchmarks.tool_calls import Callers


async def test_of_several_processes_the_one_that_needs_most_counts(monkeypatch):
    used = {1: 10.0, 2: 20.0}
    callers = Callers(0, 1, 2)

    async def make(calls):
        used[1] += 0.3 * len(calls)
        used[2] += 0.1 * len(calls)

    monkeypatch.setattr(callers, "make", make)
    monkeypatch.setattr(tool_calls, "processor_seconds", used.__getitem__)
    assert await callers.cost([b"", b""]) == pytest.approx(0.3)
