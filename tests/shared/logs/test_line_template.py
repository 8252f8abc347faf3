"""A line that is made from a template reads as if it had been logged like any other."""

import json
import logging
import re
import sys

import pytest
import structlog
from prometheus_client import CollectorRegistry

from shared.logs.configuration import service_logs
from shared.logs.console import ConsoleRenderer
from shared.logs.line_template import LineTemplate, request_logger
from shared.logs.rendering import render_json

FIELDS: dict[str, str | int] = {"method": "GET", "route": "/tools/100%/s%20d/{x}", "status": 200}
TIME_NS = 1_000_000_001_000_002_999


def logged(capfd, log_format, level, log_lines):
    log = structlog.get_logger("test")
    with service_logs(level=level, log_format=log_format, registry=CollectorRegistry()):
        log_lines(log)
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", capfd.readouterr().err)


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize(("request_id", "ms"), [("abcdefghjk", 0.0), ("A-b_9" * 12, 123456.78), ("abcdefghjk", 1e-05)])
def test_it_is_the_line_that_the_logger_writes(capfd, log_format, request_id, ms):
    expected = logged(
        capfd,
        log_format,
        "info",
        lambda log: log.log(logging.INFO, "request", request_id=request_id, **FIELDS, ms=ms),
    )
    assert expected.count("\n") == 1
    assert logged(capfd, log_format, "info", lambda log: request_logger(log, **FIELDS)(request_id, ms)) == expected


def test_it_is_in_colour_where_the_others_are():
    render = ConsoleRenderer(colors=True)
    event = {"request_id": "abcdefghjk", **FIELDS, "ms": 1.25, "event": "request", "level": "info"}
    line = LineTemplate(render, "info", "request", FIELDS).line(TIME_NS, "abcdefghjk", 1.25)
    assert line == render(None, "info", {**event, "timestamp": "2001-09-09T01:46:41.000002Z"}) + "\n"


def test_each_has_its_own_values(capfd):
    def log_lines(log):
        log_request = request_logger(log, **FIELDS)
        log_request("first-one", 1.0)
        log_request("second-one", 2.5)

    lines = [json.loads(line) for line in logged(capfd, "json", "info", log_lines).splitlines()]
    assert [(line["request_id"], line["ms"]) for line in lines] == [("first-one", 1.0), ("second-one", 2.5)]


def test_values_bound_to_the_logger_are_in_the_line(capfd):
    text = logged(
        capfd, "json", "info", lambda log: request_logger(log.bind(replica="one"), **FIELDS)("abcdefghjk", 1.0)
    )
    assert json.loads(text)["replica"] == "one"


def test_nothing_is_logged_above_its_level(capfd):
    assert logged(capfd, "json", "warning", lambda log: request_logger(log, **FIELDS)("abcdefghjk", 1.0)) == ""


def test_it_is_logged_where_no_line_is_deferred():
    with structlog.testing.capture_logs() as lines:
        request_logger(structlog.get_logger("test"), **FIELDS)("abcdefghjk", 1.25)
    assert lines == [
        {"event": "request", "log_level": "info", "request_id": "abcdefghjk", **FIELDS, "ms": 1.25},
    ]


@pytest.mark.parametrize("mark", ["<request_id>", "<timestamp>", "0.0009765625"])
def test_a_field_that_contains_a_mark_is_refused(mark):
    with pytest.raises(ValueError, match="mark"):
        LineTemplate(render_json, "info", "request", {**FIELDS, "route": f"/{mark}"})


def test_the_line_of_a_route_that_contains_a_mark_is_written_all_the_same(capfd):
    fields: dict[str, str | int] = {**FIELDS, "route": "/v0.0009765625/<timestamp>"}
    expected = logged(capfd, "json", "info", lambda log: log.info("request", request_id="abcdefghjk", **fields, ms=1.5))
    assert logged(capfd, "json", "info", lambda log: request_logger(log, **fields)("abcdefghjk", 1.5)) == expected


def test_what_it_takes_while_it_waits_is_counted_in_full():
    template = LineTemplate(render_json, "info", "request", {**FIELDS, "route": "/" + "r" * 1000})
    values = ("a" * 64, 123456.78)
    in_memory = sum(map(sys.getsizeof, ((1, 2, 3, 4), TIME_NS, *values)))
    assert in_memory + len(template.line(TIME_NS, *values)) <= template.characters
