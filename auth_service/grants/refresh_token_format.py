"""The format of a refresh token, and the encryption of its successor.

`<grant id>.<generation>.<secret>.<MAC>`: the MAC key is not in Redis, so that a token of this server is recognised even
if a failover lost the write that stored it (ADR 0005, SECURITY.md).

The successor is encrypted under a key derived from the predecessor's secret: a repeated refresh returns the same
successor, and a copy of Redis, which contains no secret, decrypts nothing (invariants 4 and 6).
"""

from __future__ import annotations

import hmac
import os
import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from auth_service.protocol.opaque import SECRET_BYTES, digest, mac
from auth_service.status_lists.identifiers import FORM as GRANT_ID_FORM
from shared.jose import base64url

_MAC_BYTES: Final = 16

# Canonical base64url without padding: the bits of the last character that carry no data are zero.
_OF_16_BYTES: Final = "[A-Za-z0-9_-]{21}[AQgw]"
_OF_32_BYTES: Final = "[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]"
_FORM: Final = re.compile(rf"({GRANT_ID_FORM})\.(0|[1-9][0-9]{{0,8}})\.({_OF_32_BYTES})\.({_OF_16_BYTES})")


class NotARefreshToken(ValueError):
    """The text does not have the form of a refresh token, or its MAC is not valid."""


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A token whose MAC is valid; Redis has not been asked."""

    grant_id: str
    generation: int
    secret: str

    @property
    def secret_hash(self) -> str:
        """The form stored in Redis."""
        return digest(self.secret)


class RefreshTokenFormat:
    """Writes and reads refresh tokens."""

    def __init__(self, mac_keys: tuple[bytes, ...]) -> None:
        """The first key computes MACs; all keys verify them, so that keys can be rotated."""
        self._keys = mac_keys

    def write(self, grant_id: str, generation: int, secret: str) -> str:
        """The token as the client receives it."""
        return f"{grant_id}.{generation}.{secret}.{self._mac(self._keys[0], grant_id, generation, secret)}"

    def read(self, unverified_token: str) -> RefreshToken:
        """Parse a presented token, and verify its MAC before anything else is done with it. Raises NotARefreshToken."""
        form = _FORM.fullmatch(unverified_token)
        if form is None:
            raise NotARefreshToken("not four parts of the expected form and length")
        grant_id, number, secret, unverified_mac = form.groups()
        generation = int(number)
        if not any(
            hmac.compare_digest(unverified_mac, self._mac(key, grant_id, generation, secret)) for key in self._keys
        ):
            raise NotARefreshToken("the MAC is not valid")
        return RefreshToken(grant_id, generation, secret)

    @staticmethod
    def _mac(key: bytes, grant_id: str, generation: int, secret: str) -> str:
        return base64url.encode(mac(key, "refresh-token", grant_id, str(generation), secret)[:_MAC_BYTES])


class Successor(NamedTuple):
    """A new secret, and the two forms of it that are stored."""

    secret: str
    hash: str
    encrypted: str


def new_successor(predecessor_secret: str) -> Successor:
    """A new secret, encrypted so that only a holder of the predecessor can read it.

    One-time pad from a PRF: the pad also depends on the successor's hash, so that no pad is used twice, and the key has
    256 random bits. Integrity: the decrypted secret is compared with the hash that is stored with it.
    """
    return successor_of(predecessor_secret, os.urandom(SECRET_BYTES))


def successor_of(predecessor_secret: str, random_bytes: bytes) -> Successor:
    """The successor with 32 given bytes as its secret."""
    secret = base64url.encode(random_bytes)
    secret_hash = digest(secret)
    return Successor(secret, secret_hash, base64url.encode(_padded(predecessor_secret, secret_hash, random_bytes)))


def decrypt_successor(predecessor_secret: str, encrypted: str, successor_hash: str) -> str:
    """The successor that was encrypted for this predecessor. Raises ValueError if its hash differs."""
    secret = base64url.encode(_padded(predecessor_secret, successor_hash, base64url.decode(encrypted)))
    if not hmac.compare_digest(digest(secret), successor_hash):
        raise ValueError("the decrypted successor is not the one on record")
    return secret


def _padded(predecessor_secret: str, successor_hash: str, data: bytes) -> bytes:
    if len(data) != SECRET_BYTES:
        raise ValueError("an encrypted secret has the wrong length")
    pad = mac(predecessor_secret.encode(), "successor", successor_hash)
    return (int.from_bytes(pad, "big") ^ int.from_bytes(data, "big")).to_bytes(SECRET_BYTES, "big")
