"""Texts that pages show, marked for the catalogue of translations (pages/catalogue.py). Pure.

Where a text is chosen, the English sentence is its id: `message("…")`. Values stand in it as `%(name)s`; sentences are
never put together from parts, because other languages order them differently.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self


class Text(str):
    """An English text for JSON and logs, with the id and the values by which a page translates it."""

    __slots__ = ("id", "many", "number", "values")

    id: str
    many: str
    """The id of the plural text; empty without one."""
    number: int
    values: Mapping[str, object]

    def __new__(cls, text: str, many: str = "", number: int = 1, values: Mapping[str, object] | None = None) -> Self:
        """Raises KeyError for a value that is missing."""
        values = values or {}
        filled = super().__new__(cls, (text if number == 1 or not many else many) % values)
        filled.id, filled.many, filled.number, filled.values = text, many, number, values
        return filled


def message(text: str, /, **values: object) -> Text:
    """A text of the catalogue. `make messages` finds the calls of this function: `text` is a literal."""
    return Text(text, values=values)


def plural(one: str, many: str, number: int, /, **values: object) -> Text:
    """A text that depends on a number, which it contains as `%(num)s`. Both texts are literals."""
    return Text(one, many, number, {"num": number} | values)
