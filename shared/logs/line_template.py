"""Lines of one event that differ in their request id, duration and time only are rendered once.

What differs is put into the text where marks of it stood. The thread that logs need not look at the values, and the
writer thread need not render them.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from shared.logs.rendering import timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from structlog.typing import FilteringBoundLogger, Processor

LogRequest = Callable[[str, float], object]
"""Logs one request: its id, of printable ASCII without spaces and quotes, and how long it took in milliseconds."""

_ENTRY_CHARACTERS: Final = 512
"""An upper bound on the memory for the entry in the queue and for what the template lacks of a line."""

_REQUEST_ID: Final = "<request_id>"
_TIMESTAMP: Final = "<timestamp>"
_MS: Final = 0.0009765625
"""Marks that fields hardly ever contain. The duration is a number, which no format quotes."""


class LineTemplate:
    """The lines of `event` at one level with these fields, besides `request_id`, `ms` and `timestamp`."""

    def __init__(self, render: Processor, level: str, event: str, fields: Mapping[str, str | int]) -> None:
        """`render` is the last of the processors. Raises ValueError if a field contains a mark."""
        marked = {"request_id": _REQUEST_ID, **fields, "ms": _MS, "event": event, "level": level}
        text = str(render(None, level, {**marked, "timestamp": _TIMESTAMP}))
        marks = (_REQUEST_ID, repr(_MS), _TIMESTAMP)
        if any(text.count(mark) != 1 for mark in marks):
            raise ValueError("a field contains a mark")
        in_order = sorted(range(3), key=lambda number: text.index(marks[number]))
        text = text.replace("%", "%%")
        for mark in marks:
            text = text.replace(mark, "%s")
        self._text = f"{text}\n"
        self.characters = _ENTRY_CHARACTERS + len(text)
        """An upper bound on the size of a line, in memory and rendered."""
        self._ordered: Callable[[tuple[str, float, str]], tuple[object, ...]] = itemgetter(*in_order)

    def line(self, time_ns: int, request_id: str, ms: float) -> str:
        """The line of an event at this time since the epoch, with this request id and duration."""
        return self._text % self._ordered((request_id, ms, timestamp(time_ns)))


def request_logger(log: FilteringBoundLogger, **fields: str | int) -> LogRequest:
    """Make the function that logs the event `request` at INFO with these fields. Call it after logs are configured.

    What is bound to the logger is in the line, what is bound in a context is not.
    """
    bound = log.bind()
    make: Callable[..., LogRequest] | None = getattr(bound, "request_logger", None)
    if make is not None:
        return make(fields)
    return lambda request_id, ms: bound.info("request", request_id=request_id, **fields, ms=ms)
