"""Base64url without padding: one spelling per value."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.jose.base64url import decode, encode


@given(st.binary(max_size=100))
def test_it_goes_there_and_back(data):
    assert decode(encode(data)) == data
    assert decode(encode(data).encode()) == data


@given(st.binary(max_size=80))
def test_the_spelling_is_that_of_the_standard(data):
    assert encode(data) == base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@given(st.text(max_size=60) | st.text(alphabet="AQgwBCz09-_+/=!", max_size=9))
def test_only_what_encode_makes_is_decoded(text):
    """One spelling per value: else one token would have several names in Redis."""
    try:
        data = decode(text)
    except ValueError:
        return
    assert encode(data) == text


@pytest.mark.parametrize(
    "text", ["A", "AA==", "AB", "AAB", "A+A", "A/A", "AA\n", " AA", "AAAAA", "é", "AA\x00A", "\ud800"]
)
def test_another_spelling_is_refused(text):
    with pytest.raises(ValueError, match=r".*"):
        decode(text)
