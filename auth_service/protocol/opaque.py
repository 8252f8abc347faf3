"""Opaque secrets: generated from 256 random bits, stored as SHA-256 only (invariant 4).

A hash without salt or stretching is sufficient because the input has 256 bits of entropy.
"""

from __future__ import annotations

import hashlib
from typing import Final

from shared.jose import base64url

SECRET_BYTES: Final = 32


def new_secret() -> str:
    """A new secret: 256 random bits as 43 characters of base64url."""
    return base64url.random_text(SECRET_BYTES)


def new_identifier() -> str:
    """A new identifier: 22 characters of base64url, unguessable but no credential."""
    return base64url.random_text(16)


def split_identifier(identifier: str) -> tuple[str, str]:
    """The status list of a `<list>-<random>` identifier, whose slot in Redis it shares, and the rest."""
    list_id, _, random = identifier.partition("-")
    return list_id, random


def digest(secret: str) -> str:
    """The stored form of a secret: SHA-256, hexadecimal."""
    return hashlib.sha256(secret.encode()).hexdigest()


def short_digest(secret: str) -> str:
    """The stored form of a value that a grant holds: the first 128 bits of SHA-256, 22 characters of base64url.

    Another text with the digest of a given secret takes 2^128 attempts to find.
    """
    return base64url.encode(hashlib.sha256(secret.encode()).digest()[:16])


def mac(key: bytes, *parts: str) -> bytes:
    """Keyed BLAKE2b (RFC 7693 section 2.9) of 256 bits, over parts with unambiguous boundaries.

    A MAC and a PRF, at a third of the cost of HMAC-SHA256: a refresh computes three.
    """
    message = "\x00".join(parts)
    if message.count("\x00") != len(parts) - 1:
        raise ValueError("a part contains NUL")
    return hashlib.blake2b(message.encode(), key=key[:64], digest_size=32).digest()
