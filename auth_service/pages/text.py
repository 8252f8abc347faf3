"""Text of strangers, made fit to show (interop.md F20). Pure.

A client chooses its own name. Escaping keeps it from becoming markup; these functions keep it from lying by other
means: turning the reading direction, hiding letters, stacking marks over the lines around it, or running on forever.
"""

from __future__ import annotations

import unicodedata
from typing import Final

MAX_NAME: Final = 60
"""Characters of a name that are shown; as long as any honest one that is known."""

_UNSEEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs"})
"""Control, format (bidirectional and zero-width ones among them), unassigned, private and surrogate characters."""

_BLANK_LETTERS: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols by their category, but drawn as nothing."""

_MAX_MARKS: Final = 3
"""Combining marks in a row that some real orthography needs; more is a tower over the neighbouring lines."""


def visible(text: str) -> str:
    """The text without characters that cannot be seen; anything blank becomes one space; no blanks at the ends."""
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
    # Once more: letters and marks may have come together that a hidden character held apart.
    return unicodedata.normalize("NFC", "".join(kept)).strip(" ")


def short_name(text: str | None, *, limit: int = MAX_NAME) -> str:
    """The visible text, cut to `limit` characters with an ellipsis; empty when nothing of it can be seen."""
    seen = visible(text or "")
    return seen if len(seen) <= limit else f"{seen[: limit - 1].rstrip()}…"


def plain_host(host: str) -> str:
    """A host name in ASCII and whole: look-alike letters show as `xn--…`, and the end that counts is never cut."""
    seen = visible(host).replace(" ", "")
    if seen.isascii():
        return seen
    try:
        return seen.encode("idna").decode("ascii")
    except UnicodeError:
        return seen.encode("ascii", "backslashreplace").decode("ascii")


def _is_variation_selector(character: str) -> bool:
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
