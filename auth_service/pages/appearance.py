"""How the pages look where an operator may choose: the product's name and one colour."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import Final

from auth_service.pages.colour import WHITE, Colour, format_colour, ink_on, parse_colour, readable_shade

DARK_SURFACE: Final[Colour] = (0x1B, 0x21, 0x22)
"""The card's colour in the dark, as in the style sheet."""


@dataclass(frozen=True, slots=True)
class Appearance:
    """The choices; the defaults are the product's own."""

    product_name: str = "Sallyport"
    accent: str = "#17615b"

    def style_sheet(self) -> str:
        """The whole style sheet, with shades of the accent that stay readable in light and in dark.

        Raises ValueError if the accent is not a colour.
        """
        accent = parse_colour(self.accent)
        light, dark = readable_shade(accent, WHITE), readable_shade(accent, DARK_SURFACE, at_least=6)
        rules = resources.files("auth_service.pages").joinpath("static/pages.css").read_text("utf-8")
        return (
            f":root{{--accent:{format_colour(light)};--on-accent:{format_colour(ink_on(light))}}}"
            f"@media (prefers-color-scheme:dark){{:root{{--accent:{format_colour(dark)};"
            f"--on-accent:{format_colour(ink_on(dark))}}}}}\n{rules}"
        )
