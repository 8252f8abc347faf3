"""The form of a line: that of the libraries, which the faster renderers must not change."""

import json
from typing import Any

import pytest
import structlog

from shared.logs.console import ConsoleRenderer
from shared.logs.rendering import add_timestamp, render_json, timestamp

TIME = "2026-01-31T12:00:00.000001Z"
FIELDS: dict[str, dict[str, Any]] = {
    "plain": {"method": "POST", "route": "/token", "status": 200, "ms": 1.23, "client": "c-1_2"},
    "every type": {"yes": True, "no": False, "none": None, "whole": -5, "small": 1e-07, "text": "ä ⚠ \U0001f600"},
    "quotes": {"a": 'say "x"', "b": "it's", "c": "a=b", "d": "", "e": "back\\slash", "f": "two words"},
    "nested": {"list": ["a", 1, None], "map": {"x": "y z", "n": 2}},
    "logger": {"logger": "library", "status": 1},
    "nothing": {},
}


def event(name, level="info"):
    return {**FIELDS[name], "event": "request", "level": level, "timestamp": TIME}


@pytest.mark.parametrize("name", FIELDS)
def test_json_is_that_of_the_standard_library(name):
    assert render_json(None, "info", event(name)) == json.dumps(event(name))


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("colors", [False, True])
@pytest.mark.parametrize("level", ["debug", "info", "warning", "error", "critical"])
def test_the_console_is_that_of_structlog(name, colors, level):
    reference = structlog.dev.ConsoleRenderer(colors=colors)
    assert ConsoleRenderer(colors=colors)(None, level, event(name, level)) == reference(None, level, event(name, level))


def test_a_time_has_always_six_digits_of_a_second():
    assert timestamp(1_000_000_000_000_000_000) == "2001-09-09T01:46:40.000000Z"
    assert timestamp(1_000_000_000_999_999_999) == "2001-09-09T01:46:40.999999Z"


def test_a_time_is_the_present_one(monkeypatch):
    monkeypatch.setattr("time.time_ns", lambda: 1_000_000_000_000_001_000)
    assert add_timestamp(None, "info", {}) == {"timestamp": "2001-09-09T01:46:40.000001Z"}


def test_a_long_value_is_cut_although_the_line_has_room():
    assert json.loads(render_json(None, "info", {"reason": "x" * 1001})) == {"reason": "x" * 999 + "…"}
    assert ConsoleRenderer(colors=False)(None, "info", {"reason": "x" * 1001}).endswith("reason=" + "x" * 999 + "…")
