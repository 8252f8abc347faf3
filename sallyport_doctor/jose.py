"""Base64url and the parts of a compact JWS (RFC 7515 sections 2 and 7.1). Pure.

Lenient, because what a server gets wrong is to be examined and not to be rejected.
"""

from __future__ import annotations

import base64
from typing import Final

_TO_STANDARD: Final = str.maketrans("-_+/", "+/!!")
"""The characters of the standard alphabet become one that the decoder refuses."""


def base64url_encode(data: bytes) -> str:
    """Encode without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def base64url_decode(text: str) -> bytes:
    """Decode, with padding or without. Raises ValueError for a length or a character that base64url does not have."""
    unpadded = text.rstrip("=").translate(_TO_STANDARD)
    return base64.b64decode(unpadded + "=" * (-len(unpadded) % 4), validate=True)


def compact_parts(unverified_token: str) -> tuple[str, str, str] | None:
    """Header, payload and signature as encoded in a compact JWS; None for any other token."""
    parts = unverified_token.split(".")
    return (parts[0], parts[1], parts[2]) if len(parts) == 3 else None
