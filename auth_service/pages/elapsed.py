"""How long ago something was, in words. Pure: both times are given, in seconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_UNITS: Final = ((60, "minute"), (3600, "hour"), (86_400, "day"))
_JUST_NOW: Final = 60
_LONG_AGO: Final = 31 * 86_400


def ago(moment: float, now: float) -> str:
    """Such as `just now`, `1 minute ago`, `12 hours ago`, and beyond a month the date in UTC."""
    passed = max(0, int(now - moment))
    if passed < _JUST_NOW:
        return "just now"
    if passed >= _LONG_AGO:
        then = datetime.fromtimestamp(moment, UTC)
        return f"{then.day} {then:%B %Y}"
    seconds, unit = max(u for u in _UNITS if u[0] <= passed)
    count = passed // seconds
    return f"{count} {unit} ago" if count == 1 else f"{count} {unit}s ago"


def timestamp(moment: float) -> str:
    """For programs, in UTC: `2026-11-23T06:30:00Z`."""
    return f"{datetime.fromtimestamp(int(moment), UTC):%Y-%m-%dT%H:%M:%SZ}"
