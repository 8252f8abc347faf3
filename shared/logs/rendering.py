"""Renders log lines: every value, traceback and line is bounded, and control characters are escaped.

Part of what is logged comes from requests. The cost of a line must not depend on it, and no value may forge a second
line or control a terminal. console.py renders aligned text.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from functools import lru_cache
from itertools import islice
from json.encoder import encode_basestring_ascii
from typing import TYPE_CHECKING, Any, Final

from shared.logs.tracebacks import Traceback, format_exception

if TYPE_CHECKING:
    from structlog.typing import EventDict, WrappedLogger

MAX_VALUE_CHARACTERS: Final = 1000
"""The limit of one string, before it is escaped."""

MAX_LINE_CHARACTERS: Final = 32_768
"""The limit of one event as it is written, with its traceback."""

NUMBERS: Final = frozenset({int, float, bool})
MAX_NUMBER: Final = 2**64
"""Numbers below it have few digits. A float that is not finite is not below it."""

_MAX_ITEM_CHARACTERS: Final = 200
_MAX_ITEMS: Final = 10
_MAX_DEPTH: Final = 2
_SHORT_CHARACTERS: Final = 80


def add_timestamp(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Add the `timestamp` of this moment."""
    event["timestamp"] = timestamp(time.time_ns())
    return event


def timestamp(time_ns: int) -> str:
    """Format nanoseconds since the epoch by RFC 3339: UTC, six decimals, as in `2026-01-31T12:00:00.000000Z`."""
    second, microsecond = divmod(time_ns // 1000, 1_000_000)
    return f"{_date_and_time(second)}.{microsecond:06d}Z"


def add_traceback(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace `exc_info` with the bounded text `exception`, which holds no local variables."""
    given = event.pop("exc_info", None)
    if isinstance(given, tuple):
        given = given[1]
    elif given and not isinstance(given, BaseException):
        given = sys.exc_info()[1]
    if given:
        event["exception"] = format_exception(given)
    return event


def render_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """Render one line of ASCII. If it would be too long, every value is cut short."""
    fields = []
    for name, value in event.items():
        kind = type(value)
        # Nearly all values are short strings and numbers: one call of the encoder for each line would cost more.
        if kind is str and len(value) <= MAX_VALUE_CHARACTERS:
            text = encode_basestring_ascii(value)
        elif kind is not bool and kind in NUMBERS and -MAX_NUMBER < value < MAX_NUMBER:
            text = repr(value)
        else:
            text = _encode(bounded(value))
        fields.append(f"{encode_basestring_ascii(name)}: {text}")
    line = f"{{{', '.join(fields)}}}"
    return line if len(line) <= MAX_LINE_CHARACTERS else _encode({name: _short(event[name]) for name in event})


def bounded(value: Any) -> Any:
    """Cut a long string or deep structure. Of an object of any other type only the name of its type is logged.

    The `repr` of an arbitrary object could be of any size, and hold secrets.
    """
    kind = type(value)
    if kind is str:
        return cut(value, MAX_VALUE_CHARACTERS)
    return value if kind is bool or value is None or kind is Traceback else _bounded(value, _MAX_DEPTH)


def cut(text: str, limit: int) -> str:
    """The beginning of a text that is longer than `limit` characters, with a mark that it goes on."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


_encode: Final = json.JSONEncoder().encode


@lru_cache(maxsize=4)
def _date_and_time(second: int) -> str:
    # Formatting costs as much as the rest of the line; lines of one second share it.
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def _short(value: Any) -> Any:
    return cut(value, _SHORT_CHARACTERS) if isinstance(value, str) else _bounded(value, 0)


def _bounded(value: Any, depth: int) -> Any:
    if value is None or (isinstance(value, int | float) and -MAX_NUMBER < value < MAX_NUMBER):
        return value
    if isinstance(value, str):
        return cut(value, _MAX_ITEM_CHARACTERS)
    if depth > 0 and isinstance(value, Mapping):
        return {
            str(_bounded(name, 0)): _bounded(item, depth - 1) for name, item in islice(value.items(), _MAX_ITEMS)
        } | ({"…": len(value)} if len(value) > _MAX_ITEMS else {})
    if depth > 0 and isinstance(value, list | tuple | set | frozenset):
        return [_bounded(item, depth - 1) for item in islice(value, _MAX_ITEMS)] + ["…"] * (len(value) > _MAX_ITEMS)
    return f"<{type(value).__name__}>"
