"""The form of a compact JWS (RFC 7515 section 7.1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.jose import base64url
from shared.jose.jws import MAX_BYTES, InvalidToken, parse_compact_jws


def compact(header=b'{"alg":"RS256"}', payload=b'{"sub":"a"}', signature=b"s"):
    return ".".join(base64url.encode(part) for part in (header, payload, signature))


def test_the_parts_are_read():
    text = compact()
    jws = parse_compact_jws(text)
    assert (jws.header(), jws.payload(), jws.signature) == ({"alg": "RS256"}, {"sub": "a"}, b"s")
    assert jws.signing_input.decode() == text.rpartition(".")[0]


@pytest.mark.parametrize(
    ("error_id", "text"),
    [
        ("form", ""),
        ("form", ".."),
        ("form", "e30.e30."),
        ("form", "e30..AA"),
        ("form", ".e30.AA"),
        ("form", "e30.e30"),
        ("form", "e30.e30.AA.AA"),
        ("form", "e30.e30.AA=="),
        ("form", "e30.e30.AB"),
        ("form", "e30.e30.+/+/"),
        ("form", "e30.e30.AA\n"),
        ("form", "é30.e30.AA"),
        ("size", "e30.e30." + "A" * MAX_BYTES),
    ],
)
def test_another_form_is_refused_before_anything_is_parsed(error_id, text):
    with pytest.raises(InvalidToken) as refused:
        parse_compact_jws(text)
    assert refused.value.error_id == error_id


@pytest.mark.parametrize("part", ["header", "payload"])
@pytest.mark.parametrize("data", [b"[]", b"1", b"{", b'{"a":1,"a":2}', b'{"a":NaN}', b'{"a":1e999}', b"\xff", b"["])
def test_a_part_that_is_no_strict_json_object_is_refused(part, data):
    jws = parse_compact_jws(compact(**{part: data}))
    with pytest.raises(InvalidToken) as refused:
        getattr(jws, part)()
    assert refused.value.error_id == part


@pytest.mark.parametrize("part", ["header", "payload"])
def test_a_part_that_is_not_base64url_is_refused(part):
    jws = parse_compact_jws("e3+.e30.AA" if part == "header" else "e30.e3+.AA")
    with pytest.raises(InvalidToken) as refused:
        getattr(jws, part)()
    assert refused.value.error_id == "form"


@given(st.text(max_size=200))
def test_any_text_is_a_jws_or_is_refused(text):
    try:
        jws = parse_compact_jws(text)
        assert isinstance(jws.header(), dict)
        assert isinstance(jws.payload(), dict)
    except InvalidToken:
        return
