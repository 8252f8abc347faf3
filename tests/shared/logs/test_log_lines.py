"""Whatever is logged: one bounded line (and a bounded traceback), with nothing in it that a terminal obeys."""

import asyncio
import contextlib
import json
import logging
import threading
import time

import pytest
import structlog

from shared.logs.configuration import configure_command_logs, log_event_loop_exception
from shared.logs.rendering import MAX_LINE_CHARACTERS

MAX_TRACEBACK_LINES = 120

HOSTILE = {
    "line feed": "x\n2026-01-01 [error] forged",
    "carriage return": "x\rforged",
    "terminal": "\x1b[2J\x1b]0;title\x07\x9b31m",
    "bidi": "\u202eforged\u2028forged",
    "lone surrogate": "\ud800 \udfff",
    "long": "long" * 250_000,
    "long when escaped": "\U000e0001" * 1_000_000,
    "bytes": b"\xff\n" * 1_000_000,
    "large number": 10**5000,
    "not a number": float("nan"),
    "wide": {f"{number}\n": ["x" * 1000] * 1000 for number in range(1000)},
    "object": object(),
}


class Hostile:
    def __repr__(self):
        raise RuntimeError("a representation was asked for")

    __str__ = __repr__


def nested(depth):
    value: object = "deepest"
    for _ in range(depth):
        value = {"inner": [value]}
    return value


HOSTILE["deep"] = nested(100_000)
HOSTILE["no representation"] = Hostile()


class Logged:
    """Logs by calling the function given; what was printed."""

    def __init__(self, capfd, log_format):
        self._capfd = capfd
        self.format = log_format

    def __call__(self, write):
        self._capfd.readouterr()
        configure_command_logs(level="info", log_format=self.format)
        started = time.perf_counter()
        write(structlog.get_logger("test"))
        # Without bounds some of these take minutes.
        assert time.perf_counter() - started < 15
        return self._capfd.readouterr().err


@pytest.fixture(params=["json", "console"])
def logged(request, capfd):
    return Logged(capfd, request.param)


def is_harmless(printed):
    printed.encode("utf-8")
    return len(printed) <= MAX_LINE_CHARACTERS + 1 and printed.replace("\n", "").isprintable()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_value_makes_one_bounded_line(logged, name):
    printed = logged(lambda log: log.info("request", reason=HOSTILE[name], status=400))
    assert printed.count("\n") == 1
    assert is_harmless(printed)
    assert "request" in printed
    assert "400" in printed
    if logged.format == "json":
        assert json.loads(printed)["status"] == 400


def test_many_hostile_values_make_one_bounded_line(logged):
    printed = logged(lambda log: log.info("request", **{f"field_{n}": "\U0001f600" * 5000 for n in range(20)}))
    assert printed.count("\n") == 1
    assert is_harmless(printed)
    assert "field_19" in printed or logged.format == "console"


def test_a_record_of_the_standard_library_is_a_line_of_the_same_form(logged):
    printed = logged(lambda _log: logging.getLogger("library").warning("%s", HOSTILE["line feed"]))
    assert printed.count("\n") == 1
    assert "library" in printed
    if logged.format == "json":
        assert json.loads(printed)["event"] == HOSTILE["line feed"]


def test_a_record_that_cannot_be_formatted_does_not_print_its_arguments(logged):
    assert "secret" not in logged(lambda _log: logging.getLogger("library").warning("%d", "secret"))


def fail_in_thread(_log):
    thread = threading.Thread(target=fail, args=(1, "in a thread"))
    thread.start()
    thread.join()


def fail_in_finalizer(_log):
    class Finalized:
        def __del__(self):
            raise ValueError("in a finalizer")

    Finalized()


def fail_in_event_loop(_log):
    async def run():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(log_event_loop_exception)
        loop.call_soon(fail, 0, "in the event loop")
        await asyncio.sleep(0)

    asyncio.run(run())


def fail_without_message(_log):
    """As uvloop reports some failures."""
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        log_event_loop_exception(loop, {"exception": ValueError("in a callback")})


@pytest.mark.parametrize("write", [fail_in_thread, fail_in_finalizer, fail_in_event_loop, fail_without_message])
def test_an_exception_that_nothing_catches_is_a_line(logged, write):
    printed = logged(write)
    assert "ValueError: in " in printed
    assert is_harmless(printed)
    if logged.format == "json":
        assert "exception" in json.loads(printed)


def fail(depth, message):
    if depth:
        fail(depth - 1, message)
    raise ValueError(message)


def chained(links):
    last: Exception = KeyError("first")
    for number in range(links):
        exc = ValueError(number)
        exc.__cause__, last = last, exc
    raise last


def grouped():
    raise ExceptionGroup("many", [ValueError(number) for number in range(10_000)])


def unspeakable():
    class Unspeakable(Exception):
        def __str__(self):
            raise RuntimeError

    raise Unspeakable


FAILURES = {
    "deep": lambda: fail(900, "message"),
    "long message": lambda: fail(1, "x" * 1_000_000),
    "forged message": lambda: fail(1, "x\n2026-01-01 [error] forged \x1b[2J \ud800"),
    "chained": lambda: chained(5000),
    "grouped": grouped,
    "unspeakable": unspeakable,
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_traceback_is_bounded(logged, name):
    def write(log):
        try:
            FAILURES[name]()
        except Exception:
            log.exception("failed", status=500)

    printed = logged(write)
    assert is_harmless(printed)
    assert "Traceback" in printed
    assert __file__ in printed
    if logged.format == "json":
        assert printed.count("\n") == 1
    else:
        assert printed.count("\n") < MAX_TRACEBACK_LINES
        assert "\n2026" not in printed
