"""Opaque secrets: generated from 256 random bits, stored as SHA-256 only (invariant 4).

A hash without salt or stretching is sufficient because the input has 256 bits of entropy.
"""

from __future__ import annotations

import base64
import hashlib
import os
from binascii import b2a_base64
from typing import Final

SECRET_BYTES: Final = 32

_TO_URLSAFE: Final = bytes.maketrans(b"+/", b"-_")


def encode(data: bytes) -> str:
    """Base64url without padding."""
    return b2a_base64(data, newline=False).translate(_TO_URLSAFE, b"=").decode("ascii")


def decode(text: str) -> bytes:
    """The inverse of `encode`. Raises ValueError for any text that `encode` does not produce."""
    data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if encode(data) != text:
        raise ValueError("not canonical base64url")
    return data


def new_secret() -> str:
    """43 characters of base64url."""
    return encode(os.urandom(SECRET_BYTES))


def new_identifier() -> str:
    """22 characters of base64url: unguessable, but not a credential."""
    return encode(os.urandom(16))


def digest(secret: str) -> str:
    """The stored form of a secret: SHA-256, hexadecimal."""
    return hashlib.sha256(secret.encode()).hexdigest()


def mac(key: bytes, *parts: str) -> bytes:
    """Keyed BLAKE2b (RFC 7693 section 2.9) of 256 bits, over parts with unambiguous boundaries.

    A MAC and a PRF, at a third of the cost of HMAC-SHA256: a refresh computes three.
    """
    message = "\x00".join(parts)
    if message.count("\x00") != len(parts) - 1:
        raise ValueError("a part contains NUL")
    return hashlib.blake2b(message.encode(), key=key[:64], digest_size=32).digest()
