"""JSON with one reading only."""

import pytest

from shared.jose import strict_json
from shared.jose.strict_json import MAX_DEPTH, BadJson, parse_json, parse_json_object


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
        b'{"a": 1e999}',
        b'{"a": [-1.5E400]}',
        b'{"a": "\\ud800"}',
        b'{"\\udfff": 1}',
        b'{"a": "\xff"}',
        b'\xef\xbb\xbf{"a": 1}',
        '{"a": 1}'.encode("utf-16"),
        '{"a": 1}'.encode("utf-16-le"),
        '{"a": 1}'.encode("utf-32"),
        b'{"a": "line\nbreak"}',
        b'{"a": 01}',
        b"{'a': 1}",
        b'{"a": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1),
    ],
)
def test_what_two_readers_might_read_differently_is_refused(data):
    with pytest.raises(BadJson):
        parse_json(data)


def test_depth_is_counted_and_not_the_number_of_containers():
    deep = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert parse_json(b"[" + b",".join([b"{}"] * 1000) + b"]") == [{}] * 1000
    assert parse_json(b'["' + b"[" * 1000 + b'"]') == ["[" * 1000]
    assert parse_json(deep)


def test_a_document_without_end_is_refused_by_its_size(monkeypatch):
    monkeypatch.setattr(strict_json, "MAX_BYTES", 10)
    assert parse_json(b'"12345678"')
    with pytest.raises(BadJson, match="longer"):
        parse_json(b'"123456789"')


def test_the_reason_never_holds_the_document():
    with pytest.raises(BadJson) as refused:
        parse_json(b'{"password": secret}')
    assert "secret" not in str(refused.value)


def test_a_pair_of_surrogates_is_one_character():
    assert parse_json(b'"\\ud83d\\ude00"') == "😀"


@pytest.mark.parametrize("data", [b"[]", b'"a"', b"1", b"null"])
def test_an_object_is_asked_for(data):
    with pytest.raises(BadJson, match="object"):
        parse_json_object(data)
