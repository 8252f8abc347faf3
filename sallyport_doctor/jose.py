"""Base64url and the parts of a compact JWS (RFC 7515 sections 2 and 7.1). Pure.

Lenient, because what a server gets wrong is to be examined and not to be rejected.
"""

from __future__ import annotations

import base64


def base64url_encode(data: bytes) -> str:
    """Encode without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def base64url_decode(text: str) -> bytes:
    """Decode, with padding or without. Raises ValueError for a text that is not base64url."""
    return base64.urlsafe_b64decode(text + "==")  # excess padding is ignored


def compact_parts(unverified_token: str) -> tuple[str, str, str] | None:
    """Header, payload and signature as encoded in a compact JWS; None for any other token."""
    parts = unverified_token.split(".")
    return (parts[0], parts[1], parts[2]) if len(parts) == 3 else None
