"""The types of settings of the pages, which check a value at start."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from auth_service.pages.appearance import parse_colour


def _colour(value: str) -> str:
    parse_colour(value)
    return value


def _help_address(value: str) -> str:
    if value and not re.fullmatch(r"https://[^/\s\"<>]+[^\s\"<>]*|mailto:[^\s\"<>@?]+@[^\s\"<>@]+", value):
        raise ValueError(f"{value!r:.60} is neither an https URL nor a mailto: address")
    return value


BrandColour = Annotated[str, AfterValidator(_colour)]
"""`#rrggbb`."""

HelpAddress = Annotated[str, AfterValidator(_help_address)]
"""Where a user gets help: an https URL or a mailto: address; empty for none."""
