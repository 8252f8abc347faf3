"""Plain lines are queued as they are and rendered by the writer thread, many at a time.

Rendered between two requests, a line costs several times what it costs among others of its kind. Only what cannot
change any more and is known to be small may wait: the time, the context and the values are those of the event. All
other lines, and whatever is a warning, an error or has an exception, are rendered at once.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Final

import structlog

from shared.logs.line_template import LineTemplate
from shared.logs.rendering import MAX_VALUE_CHARACTERS, is_small_number, timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from structlog.typing import FilteringBoundLogger, Processor

    from shared.logs.line_template import LogRequest
    from shared.logs.writer import LogWriter

_MAX_FIELDS: Final = 16
_ENTRY_CHARACTERS: Final = 1536
"""Of an entry with its names and numbers: no less than it takes in memory, or when it is rendered."""


DeferredLine = tuple[int, str, dict[str, Any]] | tuple[int, LineTemplate, str, float]
"""A line that is not rendered yet: the time of the event in nanoseconds since the epoch, the name of its level, and its
fields with `event`, which nothing changes any more; or its template, the request id and the milliseconds."""


def render_deferred(line: DeferredLine, render: Processor) -> str:
    """The whole line, by the last of the processors."""
    if len(line) == 4:
        time_ns, template, request_id, ms = line
        return template.line(time_ns, request_id, ms)
    time_ns, level, event = line
    event["level"] = level
    event["timestamp"] = timestamp(time_ns)
    return str(render(None, level, event)) + "\n"


def with_deferred_lines(level: int, writer: LogWriter) -> type[FilteringBoundLogger]:
    """A logger of structlog for lines of `level` and above, whose method `log` defers plain lines below WARNING.

    Its method `request_logger` is that of line_template.py.
    """
    base = structlog.make_filtering_bound_logger(level)
    log_at_once: Callable[..., Any] = base.log
    queue = writer.queue
    names = {logging.DEBUG: "debug", logging.INFO: "info"}

    def log(self: Any, line_level: int, event: str, /, *args: Any, **fields: Any) -> Any:
        if line_level < level:
            return None
        name = names.get(line_level)
        if name is None or args or self._context or "exc_info" in fields:
            return log_at_once(self, line_level, event, *args, **fields)
        structlog.contextvars.merge_contextvars(None, name, fields)
        size = _bounded_size(fields)
        if size is None:
            return log_at_once(self, line_level, event, **fields)
        fields["event"] = event
        return queue((time.time_ns(), name, fields), size)

    def request_logger(self: Any, fields: Mapping[str, str | int]) -> LogRequest:
        if level > logging.INFO:
            return lambda _request_id, _ms: None
        try:
            template = LineTemplate(writer.render, "info", "request", {**self._context, **fields})
        except ValueError:  # a field contains a mark: such lines are rendered one by one
            return lambda request_id, ms: log(self, logging.INFO, "request", request_id=request_id, **fields, ms=ms)
        return lambda request_id, ms: queue((time.time_ns(), template, request_id, ms), template.characters)

    return type("DeferringBoundLogger", (base,), {"log": log, "request_logger": request_logger})


def _bounded_size(fields: dict[str, Any]) -> int | None:
    """No fewer characters than the line takes, in memory and rendered; None if it has to be rendered at once.

    Of printable ASCII a character is one byte, and two at most where a quote is escaped. Any other takes up to twelve.
    """
    if len(fields) > _MAX_FIELDS:
        return None
    size = _ENTRY_CHARACTERS
    for value in fields.values():
        if type(value) is str:
            length = len(value)
            if length > MAX_VALUE_CHARACTERS or not (value.isascii() and value.isprintable()):
                return None
            size += 2 * length
        elif not (value is None or is_small_number(value)):
            return None
    return size
