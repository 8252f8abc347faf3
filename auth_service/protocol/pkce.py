"""PKCE, S256 only (RFC 7636, invariant 7). Pure."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

from shared.jose import base64url

_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_STORED_CHARACTERS: Final = 22
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def is_s256_challenge(value: str) -> bool:
    """Whether the text can be a SHA-256 in base64url (RFC 7636 section 4.2)."""
    return _CHALLENGE.fullmatch(value) is not None


def is_verifier(value: str) -> bool:
    """Whether the text has the form of RFC 7636 section 4.1."""
    return _VERIFIER.fullmatch(value) is not None


def stored_challenge(challenge: str) -> str:
    """The part of a challenge that a grant keeps: its first 132 bits, for which no second verifier can be found."""
    return challenge[:_STORED_CHARACTERS]


def verifier_matches(verifier: str, stored: str) -> bool:
    """Whether the challenge was derived from the verifier (RFC 7636 section 4.6), compared in constant time."""
    derived = base64url.encode(hashlib.sha256(verifier.encode("ascii")).digest())
    return hmac.compare_digest(derived[:_STORED_CHARACTERS], stored)
