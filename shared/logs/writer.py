"""Log lines wait in a bounded queue for one writer thread, so that a blocked stream never blocks the event loop.

Plain lines are queued as they are and rendered by the thread, many at a time: between two requests a line costs several
times as much. Only what cannot change any more and is known to be small may wait: the time, the context and the values
are those of the event. All other lines, and whatever is a warning, an error or has an exception, are rendered at once.
"""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from typing import TYPE_CHECKING, Any, Final

import structlog
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from shared.logs.line_template import LineTemplate
from shared.logs.rendering import MAX_NUMBER, MAX_VALUE_CHARACTERS, NUMBERS, timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from prometheus_client import Metric
    from structlog.typing import FilteringBoundLogger, Processor

    from shared.logs.line_template import LogRequest

MAX_QUEUED_CHARACTERS: Final = 1024 * 1024
"""A few thousand lines: the writer thread gets that far behind only when the stream is blocked."""

FLUSH_SECONDS: Final = 2.0
"""How long `close` waits for the stream at exit."""

PAUSE_SECONDS: Final = 0.02
"""The pause between two writes: lines that come meanwhile are written at once. `flush` ends the pause.

Waking the thread costs more than a line does.
"""

_CROWDED_CHARACTERS: Final = MAX_QUEUED_CHARACTERS // 4
"""Queued characters that end the pause, so that only a blocked stream fills the queue."""

_MAX_FIELDS: Final = 16
_ENTRY_CHARACTERS: Final = 1536
"""An upper bound on the size of an entry with its names and numbers, in memory and rendered."""

DeferredLine = tuple[int, str, dict[str, Any]] | tuple[int, LineTemplate, str, float]
"""A line that is not rendered yet: the time of the event in nanoseconds since the epoch, the name of its level, and its
fields with `event`, which nothing changes any more; or its template, the request id and the milliseconds."""


class LogWriter(Collector):
    """A text stream for whole lines, whose `write` never waits. Start the thread with `start`.

    Lines that find the queue full, or that the stream refuses, are dropped, counted in
    `sallyport_log_lines_dropped_total`, and reported in one line when writing succeeds again.
    """

    def __init__(self, descriptor: int, *, render: Processor, report_dropped: Callable[[int], str]) -> None:
        """`descriptor` is written to directly.

        `render` renders deferred lines, and `report_dropped` the line that reports so many dropped lines.
        """
        self._descriptor = descriptor
        self.render = render
        self._report_dropped = report_dropped
        # Reentrant: the garbage collector may run finalizers that log, also within the sections below.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._lines: list[str | DeferredLine] = []
        self._queued_characters = 0
        self._dropped = 0
        self._unreported = 0
        self._closing = False
        self._idle = False
        self._urgent = False
        # A thread blocked by the stream must not keep the process alive.
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)

    def start(self) -> None:
        """Start the writer thread."""
        self._thread.start()

    def write(self, line: str) -> int:
        """Queue one line, which ends with a newline, or drop it. It is written within `PAUSE_SECONDS`."""
        self.queue(line, len(line))
        return len(line)

    def queue(self, line: str | DeferredLine, characters: int) -> None:
        """Queue or drop one line, which the thread renders if it is deferred; `characters` is no less than its size."""
        with self._lock:
            queued = self._queued_characters + characters
            if self._closing or queued > MAX_QUEUED_CHARACTERS:
                self._count_dropped(1)
            else:
                self._lines.append(line)
                self._queued_characters = queued
                if self._idle or queued > _CROWDED_CHARACTERS:
                    self._wake()

    def flush(self) -> None:
        """Have the thread write what is queued now, but do not wait for it."""
        with self._lock:
            if self._lines:
                self._wake()

    def close(self, *, deadline_seconds: float = FLUSH_SECONDS) -> None:
        """Write what is queued, but wait at most `deadline_seconds` for the stream."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(deadline_seconds)

    def collect(self) -> Iterator[Metric]:
        """Yield the metric."""
        yield CounterMetricFamily(
            "sallyport_log_lines_dropped",
            "Log lines that were dropped because standard error was blocked or failed.",
            value=self._dropped,
        )

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._lines and not self._closing:
                    self._idle = True
                    self._changed.wait()
                self._idle = self._urgent = False
                lines, self._lines = self._lines, []
                self._queued_characters = 0
                unreported = self._unreported
            if not lines:
                return
            count = len(lines)
            text = "".join([line if isinstance(line, str) else render_deferred(line, self.render) for line in lines])
            del lines  # not beside the text, as long as the stream is blocked
            if unreported:
                text += self._report_dropped(unreported)
            try:
                # Text from a request may hold lone surrogates, which UTF-8 cannot encode.
                self._write_all(text.encode("utf-8", "backslashreplace"))
            except OSError:
                with self._changed:
                    self._count_dropped(count)
            else:
                with self._changed:
                    self._unreported -= unreported
            with self._changed:
                if not self._urgent and not self._closing:
                    self._changed.wait(PAUSE_SECONDS)

    def _wake(self) -> None:
        if not self._urgent:
            self._urgent = True
            self._changed.notify()

    def _write_all(self, data: bytes) -> None:
        # Not through sys.stderr: its lock, held by a blocked thread, would abort the interpreter at exit.
        left = memoryview(data)
        while left:
            try:
                left = left[os.write(self._descriptor, left) :]
            except BlockingIOError:
                select.select([], [self._descriptor], [])

    def _count_dropped(self, count: int) -> None:
        self._dropped += count
        self._unreported += count


class LineLogger:
    """Receives rendered lines from structlog. Warnings and errors are written at once, with all lines before them."""

    def __init__(self, writer: LogWriter) -> None:
        self._write = writer.write
        self._flush = writer.flush

    def debug(self, line: str) -> None:
        """Queue a line that may wait for the next write."""
        self._write(line + "\n")

    info = debug

    def warning(self, line: str) -> None:
        """Queue a line, and have it written at once."""
        self._write(line + "\n")
        self._flush()

    error = critical = warning


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
    """An upper bound on the size of the line, in memory and rendered; None if it has to be rendered at once.

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
        elif value is not None and not (type(value) in NUMBERS and -MAX_NUMBER < value < MAX_NUMBER):
            return None
    return size


def render_deferred(line: DeferredLine, render: Processor) -> str:
    """Render the whole line with the last of the processors."""
    if len(line) == 4:
        time_ns, template, request_id, ms = line
        return template.line(time_ns, request_id, ms)
    time_ns, level, event = line
    event["level"] = level
    event["timestamp"] = timestamp(time_ns)
    return str(render(None, level, event)) + "\n"
