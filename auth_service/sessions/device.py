"""Browser and system from a User-Agent header, by closed lists; nothing else of it is kept. Pure.

A user recognises a browser by them. The header is a claim of the browser, and decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
"""The browsers in the order of the search: the header of each names those below it too."""

_SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
)


@dataclass(frozen=True, slots=True)
class Device:
    """Names of products; empty if unknown."""

    browser: str = ""
    system: str = ""


UNKNOWN_DEVICE: Final = Device()


def parse_user_agent(header: str) -> Device:
    """The first product of each list that the header contains."""
    return Device(_first(_BROWSERS, header), _first(_SYSTEMS, header))


def _first(products: tuple[tuple[str, str], ...], header: str) -> str:
    return next((name for token, name in products if token in header), "")
