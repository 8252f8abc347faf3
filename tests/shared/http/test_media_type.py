"""Media types by their grammar (RFC 9110 sections 5.6.6 and 8.3.1)."""

import time

import pytest

from shared.http.media_type import MAX_LENGTH, essence_of, parse_media_type


@pytest.mark.parametrize(
    ("value", "essence", "parameters"),
    [
        ("application/json", "application/json", {}),
        (" Text/HTML \t", "text/html", {}),
        ("a/b;charset=UTF-8", "a/b", {"charset": "UTF-8"}),
        ('a/b ; Charset="utf-8" ;x=y', "a/b", {"charset": "utf-8", "x": "y"}),
        (r'a/b; x="a\"b\\c;d"', "a/b", {"x": r'a"b\c;d'}),
        ("a/b;;; x=1;", "a/b", {"x": "1"}),
        ('a/b; x=""', "a/b", {"x": ""}),
        ("application/vnd.x+json; boundary=--_a", "application/vnd.x+json", {"boundary": "--_a"}),
    ],
)
def test_what_the_grammar_allows_is_parsed(value, essence, parameters):
    parsed = parse_media_type(value)
    assert (parsed.essence, parsed.parameters) == (essence, parameters)


@pytest.mark.parametrize(
    "value",
    [
        *("", "a", "a/", "/b", "a/b/c", "a /b", "a/b c", "a/b, c/d", "a/b\n", "é/b", "\udc80/b", "a/b; x=--=_a"),
        *("a/b; x", "a/b; x=", "a/b; x =1", 'a/b; x="', 'a/b; x="\\', "a/b; x=1; X=2", "a/b; x=\x80", 'a/b; x="\x01"'),
        *("(a)/b", "a/b (comment)"),
    ],
)
def test_what_it_does_not_allow_is_refused(value):
    with pytest.raises(ValueError, match="media type"):
        parse_media_type(value)
    assert essence_of(value) == ""


@pytest.mark.parametrize("piece", ["(", '"', ";", "\\", '\\"', " ", "; ", "a", "a/", ';x="', "=?", "\t;"])
@pytest.mark.parametrize("start", ["", "a/b", 'a/b; x="', "a/b; x="])
def test_the_work_is_bounded(start, piece):
    started = time.process_time()
    for length in (MAX_LENGTH, 100_000):
        essence_of((start + piece * length)[:length])
    assert time.process_time() - started < 0.05


def test_the_character_set_is_in_lower_case():
    assert parse_media_type("a/b; charset=UTF-8").charset == "utf-8"
    assert parse_media_type("a/b").charset is None
