"""Tracebacks as text of bounded length: places and messages, never the values of local variables."""

from __future__ import annotations

import traceback
from collections import deque
from typing import Final

MAX_TRACEBACK_CHARACTERS: Final = 12_000

_MAX_EXCEPTIONS: Final = 6
_MAX_FRAMES: Final = 16
_MAX_MESSAGE_CHARACTERS: Final = 500
_MAX_SOURCE_CHARACTERS: Final = 200


class Traceback(str):
    """The text of an exception: bounded, on several lines, each of which is escaped already."""

    __slots__ = ()


def format_exception(exception: BaseException) -> Traceback:
    """The exception, then its causes and the members of a group, each with its innermost frames.

    The newest exception comes first, so that the bounds cut off the least telling part.
    """
    sections: list[str] = []
    pending = deque([("", exception)])
    while pending and len(sections) < _MAX_EXCEPTIONS:
        relation, current = pending.popleft()
        sections.append(relation + _section(current))
        if current.__cause__ is not None:
            pending.append(("Caused by: ", current.__cause__))
        elif current.__context__ is not None and not current.__suppress_context__:
            pending.append(("Raised while handling: ", current.__context__))
        if isinstance(current, BaseExceptionGroup):
            pending.extend(("Member of the group: ", member) for member in current.exceptions[:_MAX_EXCEPTIONS])
    if pending:
        sections.append("Further exceptions are omitted.")
    return Traceback("\n".join(sections)[:MAX_TRACEBACK_CHARACTERS])


def escaped(text: str) -> str:
    """The text on one line: control characters, lone surrogates and the like as Python escapes."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def _section(exception: BaseException) -> str:
    depth = sum(1 for _ in traceback.walk_tb(exception.__traceback__))
    frames = deque(traceback.walk_tb(exception.__traceback__), maxlen=_MAX_FRAMES)
    which = f"innermost {_MAX_FRAMES} of {depth} calls" if depth > _MAX_FRAMES else "most recent call last"
    lines = [f"Traceback ({which}):"] if depth else []
    for entry in traceback.StackSummary.extract(frames, capture_locals=False).format():
        lines.extend(escaped(line[:_MAX_SOURCE_CHARACTERS]) for line in entry.splitlines())
    lines.append(_described(exception))
    return "\n".join(lines)


def _described(exception: BaseException) -> str:
    try:
        message = str(exception)
    except Exception:  # noqa: BLE001 - a broken exception class must not break the log
        message = "<no message>"
    name = type(exception).__qualname__
    return f"{name}: {escaped(message[:_MAX_MESSAGE_CHARACTERS])}" if message else name
