"""Where a decision goes on to, judged from the address alone. Pure."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final
from urllib.parse import urlsplit

from shared.configured_url import is_loopback_host

_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[\x21\x23-\x3B\x3D\x3F-\x7E]+")
"""A scheme, then printable ASCII without double quotes, angle brackets and blanks: what an encoded URI consists of."""

_RUNS_CODE: Final = frozenset({"javascript", "data", "vbscript", "file", "blob", "about", "view-source"})


class Destination(Enum):
    """What the browser does with the address."""

    WEBSITE = "website"
    LOCAL_PROGRAM = "local program"
    """A program listening on this device; it answers with a page of its own."""
    APP = "app"
    """Another program opens; the browser stays on our page, which the person then closes."""


def destination_of(location: str) -> Destination:
    """What opens the address. Raises ValueError for one that no check at registration should have let through."""
    scheme = location.partition(":")[0].lower()
    if _ADDRESS.fullmatch(location) is None or scheme in _RUNS_CODE:
        raise ValueError(f"{scheme!r:.30} is not an address to go on to")
    if scheme not in {"http", "https"}:
        return Destination.APP
    host = urlsplit(location).hostname
    if not host:
        raise ValueError("the address to go on to has no host")
    return Destination.LOCAL_PROGRAM if is_loopback_host(host) else Destination.WEBSITE
