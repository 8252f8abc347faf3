"""The operator's settings for the pages: product name, brand colour and its readable shades (WCAG 2.2)."""

from __future__ import annotations

import colorsys
import re
from dataclasses import dataclass
from importlib import resources
from typing import Annotated, Final

from pydantic import AfterValidator

READABLE: Final = 4.5
"""Minimum contrast of text and its background (WCAG 2.2, success criterion 1.4.3)."""

Colour = tuple[int, int, int]

WHITE: Final[Colour] = (255, 255, 255)
BLACK: Final[Colour] = (0, 0, 0)
DARK_SURFACE: Final[Colour] = (0x1B, 0x21, 0x22)
"""The background of the card in dark mode, as in the style sheet."""


@dataclass(frozen=True, slots=True)
class Appearance:
    """The operator's choices, with their defaults."""

    product_name: str = "Sallyport"
    accent: str = "#17615b"
    forgot_password: str = ""
    """Where a user who forgot the password gets help; empty omits the link."""

    def style_sheet(self) -> str:
        """The complete style sheet, with shades of the accent that are readable in light and dark mode.

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


def parse_colour(text: str) -> Colour:
    """Parse `#rrggbb`. Raises ValueError."""
    if re.fullmatch(r"#[0-9a-fA-F]{6}", text) is None:
        raise ValueError(f"{text!r:.20} is not a colour such as #17615b")
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def _check_colour(value: str) -> str:
    parse_colour(value)
    return value


BrandColour = Annotated[str, AfterValidator(_check_colour)]
"""A setting: `#rrggbb`."""


def _check_help_address(value: str) -> str:
    if value and not re.fullmatch(r"https://[^/\s\"<>]+[^\s\"<>]*|mailto:[^\s\"<>@?]+@[^\s\"<>@]+", value):
        raise ValueError(f"{value!r:.60} is neither an https URL nor a mailto: address")
    return value


HelpAddress = Annotated[str, AfterValidator(_check_help_address)]
"""A setting: an https URL or a mailto: address where a user gets help; empty for none."""


def format_colour(colour: Colour) -> str:
    """Write `#rrggbb`."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def contrast(one: Colour, other: Colour) -> float:
    """The contrast ratio of WCAG: from 1 (none) to 21 (black on white)."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def readable_shade(accent: Colour, background: Colour, *, at_least: float = READABLE) -> Colour:
    """The accent itself, or its nearest lighter or darker shade with at least this contrast."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*(channel / 255 for channel in accent))
    end = 1.0 if ink_on(background) == WHITE else 0.0
    for step in range(101):
        red, green, blue = colorsys.hls_to_rgb(hue, lightness + (end - lightness) * step / 100, saturation)
        shade = round(red * 255), round(green * 255), round(blue * 255)
        if contrast(shade, background) >= at_least:
            return shade
    return ink_on(background)


def ink_on(background: Colour) -> Colour:
    """Black or white, by the higher contrast to the background."""
    return max(WHITE, BLACK, key=lambda ink: contrast(ink, background))


def _luminance(colour: Colour) -> float:
    red, green, blue = (_linear(channel / 255) for channel in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)
