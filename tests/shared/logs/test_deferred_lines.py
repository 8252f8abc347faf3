"""Plain lines are rendered later by the writer thread, and nothing in them shows it."""

import gc
import json
import logging
import os
import weakref
from contextlib import contextmanager

import pytest
import structlog
from prometheus_client import CollectorRegistry
from structlog.contextvars import bound_contextvars

from shared.logs.configuration import service_logs
from shared.logs.console import ConsoleRenderer
from shared.logs.rendering import render_json
from shared.logs.writer import MAX_QUEUED_CHARACTERS, LogWriter, render_deferred
from tests.shared.logs.test_log_lines import HOSTILE

REQUEST = {"request_id": "abcdefghjk", "status": 200, "ms": 1.25, "disconnected": True, "client": None}


class Queue:
    """Logs of a service whose writer thread does not run before `written`."""

    def __init__(self, capfd, monkeypatch):
        self._capfd = capfd
        self._monkeypatch = monkeypatch
        self.writer: LogWriter
        self.log = structlog.get_logger("test")

    @contextmanager
    def open(self, log_format, level="info"):
        start = LogWriter.start
        self._monkeypatch.setattr(LogWriter, "start", lambda writer: setattr(self, "writer", writer))
        with service_logs(level=level, log_format=log_format, registry=CollectorRegistry()):
            self._monkeypatch.undo()
            try:
                yield self
            finally:
                start(self.writer)

    def request(self, **fields):
        self.log.log(logging.INFO, "request", **fields)

    def queued(self):
        return self.writer._lines

    def written(self):
        return self._capfd.readouterr().err.splitlines()


@pytest.fixture
def queue(capfd, monkeypatch):
    return Queue(capfd, monkeypatch)


def test_a_plain_line_is_not_rendered_at_once(queue):
    with queue.open("json"):
        queue.request(**REQUEST)
        assert isinstance(queue.queued()[0], tuple)
    line = json.loads(queue.written()[0])
    assert line.pop("timestamp")
    assert line == {**REQUEST, "event": "request", "level": "info"}


def test_the_time_of_a_line_is_that_of_the_event(queue, monkeypatch):
    with queue.open("json"), monkeypatch.context() as patch:
        patch.setattr("time.time_ns", lambda: 1_000_000_001_000_002_999)
        queue.request(**REQUEST)
    assert json.loads(queue.written()[0])["timestamp"] == "2001-09-09T01:46:41.000002Z"


def test_the_context_of_a_line_is_that_of_the_event(queue):
    with queue.open("json"):
        with bound_contextvars(trace="first"):
            queue.request(**REQUEST)
        with bound_contextvars(trace="second"):
            queue.request(**REQUEST)
        queue.request(**REQUEST)
    assert [json.loads(line).get("trace") for line in queue.written()] == ["first", "second", None]


def test_values_bound_to_the_logger_are_in_the_line(queue):
    with queue.open("json"):
        queue.log.bind(replica="one").log(logging.INFO, "request", status=200)
    assert json.loads(queue.written()[0])["replica"] == "one"


def test_a_value_that_can_change_is_rendered_at_once(queue):
    scopes = ["read"]
    with queue.open("json"):
        queue.request(scopes=scopes)
        scopes.append("write")
    assert json.loads(queue.written()[0])["scopes"] == ["read"]


class Failure(Exception):
    """Other than those of Python it can be observed."""


def raise_failure():
    raise Failure


def test_an_exception_is_not_kept_until_the_line_is_written(queue):
    def fail():
        try:
            raise_failure()
        except Failure as exc:
            queue.log.log(logging.ERROR, "request", exc_info=exc)
            queue.request(exc_info=exc)
            queue.log.log(logging.INFO, "request", exc_info=True)
            return weakref.ref(exc)

    with queue.open("json"):
        kept = fail()
        gc.collect()
        assert kept() is None
    assert all("Failure" in json.loads(line)["exception"] for line in queue.written())


def test_lines_that_wait_and_lines_that_do_not_keep_their_order(queue):
    with queue.open("json", level="debug"):
        queue.request(number=0)
        queue.log.error("failed", number=1)
        queue.log.log(logging.DEBUG, "request", number=2)
        logging.getLogger("library").warning("three")
        queue.log.info("audit", number=4)
        queue.request(number=5)
    lines = [json.loads(line) for line in queue.written()]
    assert [line.get("number") for line in lines] == [0, 1, 2, None, 4, 5]
    assert [line["level"] for line in lines] == ["info", "error", "debug", "warning", "info", "info"]


def test_a_line_below_the_level_is_not_queued(queue):
    with queue.open("json", level="warning"):
        queue.request(**REQUEST)
        assert queue.queued() == []


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize("name", [name for name in HOSTILE if name not in {"large number", "not a number"}])
def test_a_hostile_value_does_not_wait(queue, log_format, name):
    with queue.open(log_format):
        queue.request(reason=HOSTILE[name])
        assert isinstance(queue.queued()[0], str)
        assert len(queue.queued()[0].splitlines()) == 1


@pytest.mark.parametrize(
    "number", [10**5000, -(2**64), float("nan"), float("inf")], ids=["huge", "large", "nan", "inf"]
)
def test_a_number_of_many_digits_does_not_wait(queue, number):
    with queue.open("json"):
        queue.request(number=number)
        assert isinstance(queue.queued()[0], str)


@pytest.mark.parametrize("render", [render_json, ConsoleRenderer(colors=False), ConsoleRenderer(colors=True)])
@pytest.mark.parametrize("character", ["x", '"', "'", "\\", "=", " "])
@pytest.mark.parametrize("length", [0, 1000])
def test_a_line_that_waits_counts_for_no_less_than_it_takes(queue, render, character, length):
    with queue.open("json"):
        queue.request(**{f"a_field_with_a_long_name_{number}": character * length for number in range(16)})
        [line] = queue.queued()
        counted = queue.writer._queued_characters
        assert len(render_deferred(line, render)) <= counted


def test_lines_that_wait_are_bounded_together_and_dropped_beyond(queue):
    with queue.open("json"):
        for _ in range(1000):
            queue.request(reason="x" * 1000)
        assert queue.writer._queued_characters <= MAX_QUEUED_CHARACTERS
        [metric] = queue.writer.collect()
        lost = metric.samples[0].value
        assert len(queue.queued()) + lost == 1000
        assert lost > 0
    assert json.loads(queue.written()[-1])["count"] == lost


def test_the_descriptor_is_written_once_for_many_lines(queue, monkeypatch):
    sizes = []
    write = os.write

    def counted(descriptor, data):
        sizes.append(len(data))
        return write(descriptor, data)

    with queue.open("json"):
        for number in range(100):
            queue.request(number=number)
        monkeypatch.setattr("os.write", counted)
    assert len(queue.written()) == 100
    assert len(sizes) == 1


@pytest.mark.parametrize("level", [logging.WARNING, logging.ERROR, logging.CRITICAL])
def test_warnings_and_errors_do_not_wait(queue, level):
    with queue.open("json"):
        queue.log.log(level, "request", **REQUEST)
        assert isinstance(queue.queued()[0], str)
        assert queue.writer._urgent
