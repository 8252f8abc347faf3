"""Log lines wait in a bounded queue for one writer thread, so that a blocked stream never blocks the event loop."""

from __future__ import annotations

import os
import select
import threading
import time
from typing import TYPE_CHECKING, Final

from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prometheus_client import Metric

MAX_QUEUED_CHARACTERS: Final = 1024 * 1024
"""A few thousand lines: the writer thread gets that far behind only when the stream is blocked."""

FLUSH_SECONDS: Final = 2.0
"""How long `close` waits for the stream at exit."""

_PAUSE_SECONDS: Final = 0.005


class LogWriter(Collector):
    """A text stream for whole lines, whose `write` never waits. Start the thread with `start`.

    Lines that find the queue full, or that the stream refuses, are dropped, counted in
    `sallyport_log_lines_dropped_total`, and reported in one line when writing succeeds again.
    """

    def __init__(self, descriptor: int, *, report_dropped: Callable[[int], str]) -> None:
        """`descriptor` is written to directly; `report_dropped` renders the line that reports so many dropped lines."""
        self._descriptor = descriptor
        self._report_dropped = report_dropped
        # Reentrant: the garbage collector may run finalizers that log, also within the sections below.
        self._changed = threading.Condition(threading.RLock())
        self._lines: list[str] = []
        self._queued_characters = 0
        self._dropped = 0
        self._unreported = 0
        self._closing = False
        # A thread blocked by the stream must not keep the process alive.
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)

    def start(self) -> None:
        """Start the writer thread."""
        self._thread.start()

    def write(self, line: str) -> int:
        """Queue one line, which ends with a newline, or drop it."""
        with self._changed:
            if self._closing or self._queued_characters + len(line) > MAX_QUEUED_CHARACTERS:
                self._count_dropped(1)
            else:
                self._lines.append(line)
                self._queued_characters += len(line)
                self._changed.notify()
        return len(line)

    def flush(self) -> None:
        """Do nothing: the writer thread writes as soon as it can, and `close` waits for it."""

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
                    self._changed.wait()
                lines, self._lines = self._lines, []
                self._queued_characters = 0
                unreported = self._unreported
            if not lines:
                return
            count = len(lines)
            if unreported:
                lines.append(self._report_dropped(unreported))
            try:
                # Text from a request may hold lone surrogates, which UTF-8 cannot encode.
                self._write_all("".join(lines).encode("utf-8", "backslashreplace"))
            except OSError:
                with self._changed:
                    self._count_dropped(count)
            else:
                with self._changed:
                    self._unreported -= unreported
            # Under load lines are written in batches: waking this thread for each would cost more than the line.
            time.sleep(_PAUSE_SECONDS)

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
