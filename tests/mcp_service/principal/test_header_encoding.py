"""Values of headers: visible ASCII, and read in one way only."""

import json
from urllib.parse import unquote, unquote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcp_service.principal.identity_headers import encode_claim, encode_text

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def decoded(value):
    """As docs/who-calls.md tells a reader to do it."""
    if value.startswith("="):
        return json.loads(unquote(value[1:]))
    if "," in value:
        return [unquote(item) for item in value.split(",")[:-1]]
    return unquote(value)


def tells_nothing(value):
    return value is None or value in ("", [])


@given(TEXTS)
@example("a,b")
@example("a%2Cb")
@example("\x00\r\nSallyport-Subject: admin")
@example("  ")
@example("Zoë 漢字 🦀")
def test_every_text_is_visible_ascii_and_comes_back(text):
    value = encode_text(text)
    assert all("!" <= character <= "~" for character in value)
    assert unquote(value) == unquote_plus(value) == text


@given(VALUES)
@example([""])
@example(["", ""])
@example(["a,b", "c"])
@example("=true")
@example({"a": "\u2028"})
def test_every_value_comes_back_and_values_that_tell_nothing_are_empty(value):
    encoded = encode_claim(value)
    assert all("!" <= character <= "~" for character in encoded)
    if tells_nothing(value):
        assert encoded == ""
    else:
        assert decoded(encoded) == value
        assert type(decoded(encoded)) is type(value)


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        ("user-1", "user-1"),
        ("https://auth.example/a", "https://auth.example/a"),
        ("ann+mcp@example.com", "ann%2Bmcp@example.com"),
        ("Zoë", "Zo%C3%AB"),
        (["admins", "r&d, all"], "admins,r%26d%2C%20all,"),
        (["admins"], "admins,"),
        (True, "=true"),
        (7, "=7"),
        ({"a": 1}, "=%7B%22a%22:1%7D"),
        (["a", 1], "=%5B%22a%22%2C1%5D"),
    ],
)
def test_the_encoding_is_the_documented_one(value, encoded):
    assert encode_claim(value) == encoded
