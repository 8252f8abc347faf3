"""Filters of the templates: untrusted text made safe to show (interop.md F20), and times. Pure.

A client chooses its own name. Escaping prevents markup; these functions prevent other deception: a changed reading
direction, hidden letters, combining marks stacked over neighbouring lines, excessive length.
"""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import Final

from auth_service.texts import Text, message, plural

MAX_NAME: Final = 60
"""The maximum characters of a name that are shown; no known legitimate client has a longer one."""

_UNSEEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs"})
"""Control, format (bidirectional and zero-width ones among them), unassigned, private and surrogate characters."""

_BLANK_LETTERS: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols by category that have no visible glyph."""

_MAX_MARKS: Final = 3
"""Consecutive combining marks that real orthographies need; more would overlap the neighbouring lines."""


def strip_invisible(text: str) -> str:
    """The text without invisible characters; consecutive blanks become one space, and the ends are stripped."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    kept: list[str] = []
    marks = 0
    for character in unicodedata.normalize("NFC", text):
        if character.isspace() or character in _BLANK_LETTERS:
            marks = 0
            if kept and kept[-1] != " ":
                kept.append(" ")
            continue
        category = unicodedata.category(character)
        if category in _UNSEEN_CATEGORIES or _is_variation_selector(character):
            continue
        marks = marks + 1 if category in {"Mn", "Me"} else 0
        if marks <= _MAX_MARKS:
            kept.append(character)
    # Again: letters and marks may now be adjacent that an invisible character separated.
    return unicodedata.normalize("NFC", "".join(kept)).strip(" ")


def short_name(text: str | None, *, limit: int = MAX_NAME) -> str:
    """The visible text, cut to `limit` characters with an ellipsis; empty if no character is visible."""
    seen = strip_invisible(text or "")
    return seen if len(seen) <= limit else f"{seen[: limit - 1].rstrip()}…"


def first_letter(text: str) -> str:
    """The first letter or digit of the visible text, in upper case; `?` if it has none."""
    return next((c.upper()[0] for c in strip_invisible(text) if c.isalnum()), "?")


def plain_host(host: str) -> str:
    """A host name in ASCII, never cut: look-alike letters show as `xn--…`."""
    seen = strip_invisible(host).replace(" ", "")
    if seen.isascii():
        return seen
    try:
        return seen.encode("idna").decode("ascii")
    except UnicodeError:
        return seen.encode("ascii", "backslashreplace").decode("ascii")


def _is_variation_selector(character: str) -> bool:
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"


_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86_400
_UNITS: Final = ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute"))
_LONG_AGO: Final = 31 * _DAY
_MONTHS: Final = (
    message("January"),
    message("February"),
    message("March"),
    message("April"),
    message("May"),
    message("June"),
    message("July"),
    message("August"),
    message("September"),
    message("October"),
    message("November"),
    message("December"),
)


def relative_time(moment: float, now: float) -> Text:
    """A time in seconds since 1970 for users: `just now`, `12 hours ago`; after a month the date in UTC."""
    passed = max(0, int(now - moment))
    if passed < _MINUTE:
        return message("just now")
    if passed < _HOUR:
        return plural("%(num)s minute ago", "%(num)s minutes ago", passed // _MINUTE)
    if passed < _DAY:
        return plural("%(num)s hour ago", "%(num)s hours ago", passed // _HOUR)
    if passed < _LONG_AGO:
        return plural("%(num)s day ago", "%(num)s days ago", passed // _DAY)
    then = datetime.fromtimestamp(moment, UTC)
    return message("%(day)s %(month)s %(year)s", day=then.day, month=_MONTHS[then.month - 1], year=then.year)


def duration(seconds: int) -> tuple[int, str]:
    """A whole number and its unit, `minute`, `hour` or `day`: the largest unit that fits evenly or at least twice."""
    return next((seconds // size, unit) for size, unit in _UNITS if _fits(seconds, size))


def _fits(seconds: int, size: int) -> bool:
    return seconds >= 2 * size or seconds % size == 0 or size == _MINUTE


def timestamp(moment: float) -> str:
    """A time in seconds since 1970 for programs: ISO 8601 in UTC, such as `2026-11-23T06:30:00Z`."""
    return f"{datetime.fromtimestamp(int(moment), UTC):%Y-%m-%dT%H:%M:%SZ}"
