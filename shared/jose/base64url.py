"""Base64url without padding (RFC 7515 section 2). A value has exactly one spelling.

joserfc's functions do the same at twice the cost, which a first-seen token and a refresh token pay several times.
"""

from __future__ import annotations

import os
from binascii import a2b_base64, b2a_base64
from typing import Final

_TO_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
_TO_STANDARD: Final = bytes.maketrans(b"-_+/=", b"+/!!!")
"""Padding and the characters of the standard alphabet become one that the decoder refuses."""

_LAST_WITHOUT_SPARE_BITS: Final = {2: frozenset(b"AQgw"), 3: frozenset(b"AEIMQUYcgkosw048")}
"""By the length of the last group: the characters whose spare bits are zero."""


def encode(data: bytes) -> str:
    """Encode without padding."""
    return b2a_base64(data, newline=False).translate(_TO_URL_SAFE, b"=").decode("ascii")


def random_text(size: int) -> str:
    """`size` random bytes as text that does not begin with `-`: users paste identifiers and secrets into commands."""
    text = encode(os.urandom(size))
    return text if text[0] != "-" else random_text(size)


def decode(text: str | bytes) -> bytes:
    """Decode. Raises ValueError for padding, for a character outside the alphabet and for spare bits that are set."""
    data = text if isinstance(text, bytes) else text.encode("ascii")
    rest = len(data) % 4
    if rest == 1 or (rest and data[-1] not in _LAST_WITHOUT_SPARE_BITS[rest]):
        raise ValueError("not canonical base64url")
    return a2b_base64(data.translate(_TO_STANDARD) + b"=" * (-rest % 4), strict_mode=True)
