"""The signed form of one list: a Status List Token (Token Status List draft, sections 4.2 and 5.1). Pure."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Final

from auth_service.status_lists.identifiers import ENTRIES
from shared.jose import base64url

if TYPE_CHECKING:
    from collections.abc import Iterable

LIFETIME_SECONDS: Final = 86_400
TTL_SECONDS: Final = 3600
"""The seconds after which a verifier without the change feed fetches a list again."""


def bits_of(revoked: Iterable[int]) -> bytes:
    """One bit per entry, the first in the least significant bit of the first byte; 1 means revoked (INVALID)."""
    bits = bytearray(ENTRIES // 8)
    for entry in revoked:
        bits[entry >> 3] |= 1 << (entry & 7)
    return bytes(bits)


def entries_of(bits: bytes) -> list[int]:
    """The revoked entries in the bits of a list, or in a part of them."""
    rest, found = int.from_bytes(bits, "little"), []
    while rest:
        found.append((rest & -rest).bit_length() - 1)
        rest &= rest - 1
    return found


def union(bits: bytes, others: bytes) -> bytes:
    """The bits of the entries that are revoked in either list."""
    return (int.from_bytes(bits) | int.from_bytes(others)).to_bytes(ENTRIES // 8)


def difference(bits: bytes, others: bytes) -> bytes:
    """The bits of the entries that are revoked in the first list and not in the second."""
    return (int.from_bytes(bits) & ~int.from_bytes(others)).to_bytes(ENTRIES // 8)


def list_claims(*, issuer: str, uri: str, bits: bytes, now: float) -> dict[str, Any]:
    """The claims of a list. `now` in seconds since 1970."""
    return {
        "iss": issuer,
        "sub": uri,
        "iat": int(now),
        "exp": int(now) + LIFETIME_SECONDS,
        "ttl": TTL_SECONDS,
        "status_list": {"bits": 1, "lst": base64url.encode(zlib.compress(bits, 9))},
    }
