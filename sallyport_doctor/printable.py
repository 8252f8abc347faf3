"""Words of a stranger made safe to print: no control characters that a terminal would obey, and not endlessly long."""

from __future__ import annotations

from typing import Final

MAX_CHARACTERS: Final = 900


def printable(text: str) -> str:
    """The text with every character that is not printable shown as a question mark, and cut at 900 characters."""
    shown = "".join(c if c.isprintable() else "?" for c in text[:MAX_CHARACTERS])
    return shown + ("…" if len(text) > MAX_CHARACTERS else "")
