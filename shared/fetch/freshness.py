"""How long a fetched document may be used before it is fetched again (RFC 9111), within our own bounds.

Pure. A shared cache's rules, except that nothing makes us fetch more often than the least bound: an attacker's
`no-store` must not turn every request into a fetch.
"""

from __future__ import annotations

import re
from typing import Final

LEAST_SECONDS: Final = 300
MOST_SECONDS: Final = 86_400
DEFAULT_SECONDS: Final = 3600
"""When the answer says nothing."""

_DIRECTIVE: Final = re.compile(r'([a-z\-]+)(?:\s*=\s*"?([0-9]{1,10})"?)?')


def freshness_seconds(*, cache_control: str, age: str) -> int:
    """The seconds for which an answer is fresh from now, between the bounds."""
    directives = {
        match[1]: match[2]
        for part in cache_control.lower().split(",")
        if (match := _DIRECTIVE.fullmatch(part.strip())) is not None
    }
    if not directives.keys().isdisjoint({"no-store", "no-cache"}):
        return LEAST_SECONDS
    lifetime = directives.get("s-maxage") or directives.get("max-age")
    seconds = int(lifetime) if lifetime is not None else DEFAULT_SECONDS
    spent = int(age) if re.fullmatch(r"[0-9]{1,10}", age.strip()) else 0
    return max(LEAST_SECONDS, min(MOST_SECONDS, seconds - spent))
