"""When a command was given, as far as the system tells."""

import time
from pathlib import Path

import pytest

from auth_service.commands.keys import MAX_START_SECONDS, process_started_ms


def stat_line(start_ticks):
    return f"1 (a name) with) brackets) S {' '.join(['0'] * 18)} {start_ticks} 0 0"


def started(monkeypatch, *, age_seconds=None, line=None):
    import os

    ticks = int((time.clock_gettime(time.CLOCK_BOOTTIME) - (age_seconds or 0)) * os.sysconf("SC_CLK_TCK"))
    monkeypatch.setattr(Path, "read_text", lambda *_args, **_options: line if line is not None else stat_line(ticks))
    return time.time() * 1000 - process_started_ms()


def test_the_age_of_the_process_is_taken_off(monkeypatch):
    assert 4900 < started(monkeypatch, age_seconds=5) < 7000


@pytest.mark.parametrize("age", [MAX_START_SECONDS + 1, 10**5, -100])
def test_an_age_that_cannot_be_is_not_believed(monkeypatch, age):
    """Else a rotation of long ago would count for this command, and nothing would rotate."""
    assert started(monkeypatch, age_seconds=age) < 1000


@pytest.mark.parametrize("line", ["", "nonsense", "1 (x) S 0 0", stat_line("x")])
def test_a_system_that_does_not_tell_means_now(monkeypatch, line):
    assert started(monkeypatch, line=line) < 1000
