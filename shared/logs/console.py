"""Log lines for reading: aligned text, in colour on a terminal, in the form of structlog's own renderer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from shared.logs.rendering import MAX_LINE_CHARACTERS, bounded, cut
from shared.logs.tracebacks import Traceback, escaped

if TYPE_CHECKING:
    from structlog.typing import EventDict, WrappedLogger

_EVENT_WIDTH: Final = 30
_LEVEL_WIDTH: Final = 9

_RESET: Final = "\x1b[0m"
_BRIGHT: Final = "\x1b[1m"
_DIM: Final = "\x1b[2m"
_RED: Final = "\x1b[31m"
_GREEN: Final = "\x1b[32m"
_YELLOW: Final = "\x1b[33m"
_BLUE: Final = "\x1b[34m"
_MAGENTA: Final = "\x1b[35m"
_CYAN: Final = "\x1b[36m"
_LEVEL_COLORS: Final = {
    "debug": _GREEN,
    "info": _GREEN,
    "warning": _YELLOW,
    "error": _RED,
    "critical": _RED,
}

_PLAIN: Final = re.compile(r"[!#-&(-<>-~]{0,200}")
"""A value that is shown as it is: printable ASCII without space, quotes and `=`."""

_NEEDS_QUOTES: Final = re.compile("[ \t=\r\n\"']")


class ConsoleRenderer:
    """Renders time, level and event, then the fields in the order of their names, then a traceback on its own lines."""

    def __init__(self, *, colors: bool) -> None:
        self._colors = colors

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> str:
        """Render one line and a traceback; control characters are escaped."""
        timestamp, level = _shown(event.pop("timestamp", "")), _shown(event.pop("level", ""))
        name = _shown(event.pop("event", ""))
        logger = _shown(event.pop("logger", ""))
        exception = event.pop("exception", "")
        colored = self._colors
        head = (
            f"{_DIM}{timestamp}{_RESET} [{_LEVEL_COLORS.get(level, '')}{_BRIGHT}{level:{_LEVEL_WIDTH}}{_RESET}] "
            f"{_BRIGHT}{name:{_EVENT_WIDTH}}{_RESET}"
            if colored
            else f"{timestamp} [{level:{_LEVEL_WIDTH}}] {name:{_EVENT_WIDTH}}"
        )
        parts = [head]
        is_plain = _PLAIN.fullmatch
        if logger:
            parts.append(f"[{_RESET}{_BRIGHT}{_BLUE}{logger}{_RESET}]{_RESET}" if colored else f"[{logger}]")
        for field in sorted(event):
            value = event[field]
            text = value if type(value) is str and is_plain(value) else _quoted(value)
            parts.append(f"{_CYAN}{field}{_RESET}={_MAGENTA}{text}{_RESET}" if colored else f"{field}={text}")
        line = " ".join(parts).rstrip(" ")
        if exception:
            line = f"{line}\n{exception if type(exception) is Traceback else _shown(exception)}"
        return cut(line, MAX_LINE_CHARACTERS)


def _shown(value: Any) -> str:
    text = str(bounded(value))
    return text if text.isprintable() else escaped(text)


def _quoted(value: Any) -> str:
    if not isinstance(value, str):
        return repr(bounded(value))
    text = _shown(value)
    return repr(text) if _NEEDS_QUOTES.search(text) else text
