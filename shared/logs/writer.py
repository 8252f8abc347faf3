"""Log lines wait in a bounded queue for one writer thread, so that a blocked stream never blocks the event loop.

What waits is bounded in characters, rendered or not, and cannot change any more.
"""

from __future__ import annotations

import os
import select
import threading
from typing import TYPE_CHECKING, Final

from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from shared.logs.deferred import DeferredLine, render_deferred

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prometheus_client import Metric
    from structlog.typing import Processor

MAX_QUEUED_CHARACTERS: Final = 1024 * 1024
"""A few thousand lines: the writer thread gets that far behind only when the stream is blocked."""

FLUSH_SECONDS: Final = 2.0
"""How long `close` waits for the stream at exit."""

PAUSE_SECONDS: Final = 0.02
"""Between two writes: lines that come meanwhile are written at once. `flush` ends the pause.

Waking the thread costs more than a line does.
"""

_CROWDED_CHARACTERS: Final = MAX_QUEUED_CHARACTERS // 4
"""Queued characters that end the pause, so that only a blocked stream fills the queue."""


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
    """What structlog hands rendered lines to. Warnings and errors are written at once, with all lines before them."""

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
