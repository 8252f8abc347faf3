"""Base64url as servers write it, with padding or without."""

import pytest

from sallyport_doctor.jose import base64url_decode, base64url_encode


@pytest.mark.parametrize("data", [b"", b"a", b"ab", b"abc", bytes(range(256))])
@pytest.mark.parametrize("padding", ["", "=", "=="])
def test_what_is_encoded_is_decoded_with_padding_or_without(data, padding):
    assert base64url_decode(base64url_encode(data) + padding) == data


@pytest.mark.parametrize("text", ["!!!!", "YW!J", "YWJ+", "YWJ/", "YW=J", "Y", "YWJj\n", "é"])
def test_other_text_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        base64url_decode(text)
