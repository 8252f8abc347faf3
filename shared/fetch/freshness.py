"""Freshness lifetime of a fetched document (RFC 9111 section 4.2), within bounds of our own.

Pure. The rules of a shared cache, except for the lower bound: an attacker's `no-store` must not turn every request
into a fetch.
"""

from __future__ import annotations

import re
from typing import Final

MIN_SECONDS: Final = 300
MAX_SECONDS: Final = 86_400
DEFAULT_SECONDS: Final = 3600
"""The lifetime of a response without Cache-Control."""

_DIRECTIVE: Final = re.compile(r'([a-z\-]+)(?:\s*=\s*"?([0-9]{1,10})"?)?')


def freshness_seconds(*, cache_control: str, age: str) -> int:
    """Seconds from now until the response is stale, between MIN_SECONDS and MAX_SECONDS."""
    directives = _directives(cache_control)
    if not directives.keys().isdisjoint({"no-store", "no-cache"}):
        return MIN_SECONDS
    lifetime = directives.get("s-maxage") or directives.get("max-age")
    seconds = int(lifetime) if lifetime is not None else DEFAULT_SECONDS
    spent = int(age) if re.fullmatch(r"[0-9]{1,10}", age.strip()) else 0
    return max(MIN_SECONDS, min(MAX_SECONDS, seconds - spent))


def max_age_of(cache_control: str) -> int | None:
    """Seconds of the directive `max-age`, for a private cache; None without it."""
    seconds = _directives(cache_control).get("max-age")
    return None if seconds is None else int(seconds)


def _directives(cache_control: str) -> dict[str, str | None]:
    return {
        match[1]: match[2]
        for part in cache_control.lower().split(",")
        if (match := _DIRECTIVE.fullmatch(part.strip())) is not None
    }
