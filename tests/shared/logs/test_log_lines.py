"""Whatever is logged: one bounded line (and a bounded traceback), with nothing in it that a terminal obeys."""

import json
import logging
import time

import pytest
import structlog

from shared.http.logs import configure_logs

pytestmark = pytest.mark.xfail(strict=True, reason="neither values nor tracebacks are bounded")

MAX_LINE_CHARACTERS = 32_768
MAX_TRACEBACK_LINES = 120

HOSTILE = {
    "line feed": "x\n2026-01-01 [error] forged",
    "long": "long" * 250_000,
    "long when escaped": "\U000e0001" * 1_000_000,
    "bytes": b"\xff\n" * 1_000_000,
    "large number": 10**5000,
    "wide": {f"{number}\n": ["x" * 1000] * 1000 for number in range(1000)},
}


class Hostile:
    def __repr__(self):
        raise RuntimeError("a representation was asked for")

    __str__ = __repr__


def nested(depth):
    value = "deepest"
    for _ in range(depth):
        value = {"inner": [value]}
    return value


HOSTILE["deep"] = nested(2000)
HOSTILE["no representation"] = Hostile()


@pytest.fixture(params=["json", "console"])
def logged(request, capfd):
    """Logs by calling the function given; what was printed."""

    def log(write):
        capfd.readouterr()
        configure_logs(level="info", log_format=request.param)
        started = time.perf_counter()
        write(structlog.get_logger("test"))
        assert time.perf_counter() - started < 1
        return capfd.readouterr().err

    log.format = request.param
    return log


def is_harmless(printed):
    printed.encode("utf-8")
    return len(printed) <= MAX_LINE_CHARACTERS + 1 and printed.replace("\n", "").isprintable()


@pytest.mark.parametrize("name", HOSTILE.keys() - {"line feed"})
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


def fail(depth, message):
    if depth:
        fail(depth - 1, message)
    raise ValueError(message)


FAILURES = {
    "long message": lambda: fail(1, "x" * 1_000_000),
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
