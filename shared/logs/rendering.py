"""How a log line is rendered: every value, traceback and line is bounded, and control characters are escaped.

Part of what is logged comes from requests. The cost of a line must not depend on it, and no value may forge a second
line or control a terminal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import structlog

from shared.logs.tracebacks import escaped, format_exception

if TYPE_CHECKING:
    from structlog.typing import EventDict, WrappedLogger

MAX_VALUE_CHARACTERS: Final = 1000
"""Of one string, before it is escaped."""

MAX_LINE_CHARACTERS: Final = 32_768
"""Of one event as it is written, with its traceback."""

_MAX_ITEM_CHARACTERS: Final = 200
_MAX_ITEMS: Final = 10
_MAX_DEPTH: Final = 2
_MAX_NUMBER: Final = 2**64
_SHORT_CHARACTERS: Final = 80


def bound_values(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Cut long strings and deep structures. Of an object of any other type only the name of its type is logged.

    The `repr` of an arbitrary object could be of any size, and hold secrets.
    """
    for name, value in event.items():
        kind = type(value)
        if kind is str:
            if len(value) > MAX_VALUE_CHARACTERS:
                event[name] = cut(value, MAX_VALUE_CHARACTERS)
        elif kind is not bool and value is not None and name != "exc_info":
            event[name] = _bounded(value, _MAX_DEPTH)
    return event


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


def escape_values(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Escape control characters for the console; JSON escapes them by itself."""
    for name, value in event.items():
        if isinstance(value, str) and not value.isprintable() and name != "exception":
            event[name] = escaped(value)
    return event


def render_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """One line of ASCII. Of an event that is too long every value is cut short."""
    line = _encode(event)
    return line if len(line) <= MAX_LINE_CHARACTERS else _encode({name: _short(event[name]) for name in event})


class ConsoleRenderer:
    """Aligned text; a traceback follows on lines of its own."""

    def __init__(self, *, colors: bool) -> None:
        # The default would be Rich, which renders local variables.
        self._render = structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> str:
        return cut(str(self._render(logger, method, event)), MAX_LINE_CHARACTERS)


def cut(text: str, limit: int) -> str:
    """The beginning of a text that is longer than `limit` characters, with a mark that it goes on."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


_encode: Final = json.JSONEncoder().encode


def _short(value: Any) -> Any:
    return cut(value, _SHORT_CHARACTERS) if isinstance(value, str) else _bounded(value, 0)


def _bounded(value: Any, depth: int) -> Any:
    if value is None or (isinstance(value, int | float) and -_MAX_NUMBER < value < _MAX_NUMBER):
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
