"""JSON with one reading only."""

import pytest

from shared.jose.strict_json import BadJson, parse_json, parse_json_object


@pytest.mark.parametrize("text", ['{"a": 1}', ' {"a": 1}\r\n', '\t{"a":1}'])
def test_white_space_around_a_document_is_nothing(text):
    assert parse_json_object(text.encode()) == {"a": 1}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"{",
        b'{"a": 1} {"a": 2}',
        b'{"a": 1}x',
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        b'[{"a": 1, "\\u0061": 2}]',
        b'{"a": NaN}',
        b'{"a": [Infinity]}',
        b'{"a": -Infinity}',
        b'{"a": "\\ud800"}',
        b'{"\\udfff": 1}',
        b'{"a": "\xff"}',
        b'\xef\xbb\xbf{"a": 1}',
        b'{"a": "line\nbreak"}',
        b'{"a": 01}',
        b"{'a': 1}",
        b'{"a": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
    ],
)
def test_what_two_readers_might_read_differently_is_refused(data):
    with pytest.raises(BadJson):
        parse_json(data)


def test_a_pair_of_surrogates_is_one_character():
    assert parse_json(b'"\\ud83d\\ude00"') == "😀"


@pytest.mark.parametrize("data", [b"[]", b'"a"', b"1", b"null"])
def test_an_object_is_asked_for(data):
    with pytest.raises(BadJson, match="object"):
        parse_json_object(data)
