import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_service.pages.appearance import (
    BLACK,
    DARK_SURFACE,
    READABLE,
    WHITE,
    Appearance,
    contrast,
    format_colour,
    ink_on,
    parse_colour,
    readable_shade,
)

channel = st.integers(0, 255)
colours = st.tuples(channel, channel, channel)


def test_contrast_agrees_with_wcag():
    assert contrast(BLACK, WHITE) == pytest.approx(21)
    assert contrast(WHITE, WHITE) == pytest.approx(1)
    assert contrast(parse_colour("#767676"), WHITE) == pytest.approx(4.54, abs=0.01)


@given(colours)
def test_any_accent_becomes_readable_on_both_surfaces_and_under_its_own_ink(accent):
    for surface in (WHITE, DARK_SURFACE):
        shade = readable_shade(accent, surface)
        assert contrast(shade, surface) >= READABLE
        assert contrast(ink_on(shade), shade) >= READABLE


@given(colours)
def test_a_colour_survives_writing_and_reading(colour):
    assert parse_colour(format_colour(colour)) == colour


def test_a_readable_accent_stays_as_it_is():
    assert "--accent:#17615b" in Appearance(accent="#17615b").style_sheet()


@pytest.mark.parametrize("text", ["red", "#fff", "#17615g", "#17615b;}body{display:none", "", "#17615b\n"])
def test_a_malformed_colour_is_refused(text):
    with pytest.raises(ValueError, match="is not a colour"):
        Appearance(accent=text).style_sheet()
