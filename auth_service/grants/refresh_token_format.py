"""The form of a refresh token, and the sealing of its successor.

`<grant id>.<generation>.<secret>.<mark>`: the mark is a MAC under a key that is not in the store, so that a token
is recognised as ours even when a failover lost the write that knew it (DESIGN section 7, SECURITY.md).

The successor is sealed under a key derived from the predecessor's secret: who repeats a refresh gets the same
successor again, and a copy of the store, which knows no secret, unseals nothing (invariants 4 and 6).
"""

from __future__ import annotations

import hmac
import os
import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from auth_service.protocol.opaque import SECRET_BYTES, decode, digest, encode, mac

_MARK_BYTES: Final = 16

# Base64url without padding, in its one spelling: the bits of the last character that say nothing are zero.
_OF_16_BYTES: Final = "[A-Za-z0-9_-]{21}[AQgw]"
_OF_32_BYTES: Final = "[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]"
_FORM: Final = re.compile(rf"({_OF_16_BYTES})\.(0|[1-9][0-9]{{0,8}})\.({_OF_32_BYTES})\.({_OF_16_BYTES})")


class NotARefreshToken(ValueError):
    """The text does not have the form of a refresh token."""


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A token taken apart. `authentic`: the mark is ours, whatever the store knows."""

    grant_id: str
    generation: int
    secret: str
    authentic: bool

    @property
    def secret_hash(self) -> str:
        """What the store knows of it."""
        return digest(self.secret)


class RefreshTokenFormat:
    """Writes and reads refresh tokens."""

    def __init__(self, mark_keys: tuple[bytes, ...]) -> None:
        """The first key marks; all are recognised, so that the keys can be changed."""
        self._keys = mark_keys

    def write(self, grant_id: str, generation: int, secret: str) -> str:
        """The token as the client gets it."""
        return f"{grant_id}.{generation}.{secret}.{self._mark(self._keys[0], grant_id, generation, secret)}"

    def read(self, unverified_token: str) -> RefreshToken:
        """Take a presented token apart. Raises NotARefreshToken."""
        form = _FORM.fullmatch(unverified_token)
        if form is None:
            raise NotARefreshToken("not four parts of the form and length that we write")
        grant_id, number, secret, mark = form.groups()
        generation = int(number)
        authentic = any(hmac.compare_digest(mark, self._mark(key, grant_id, generation, secret)) for key in self._keys)
        return RefreshToken(grant_id, generation, secret, authentic)

    @staticmethod
    def _mark(key: bytes, grant_id: str, generation: int, secret: str) -> str:
        return encode(mac(key, "refresh-token", grant_id, str(generation), secret)[:_MARK_BYTES])


class Successor(NamedTuple):
    """A fresh secret, and what the store gets of it."""

    secret: str
    hash: str
    sealed: str


def new_successor(predecessor_secret: str) -> Successor:
    """A fresh secret, sealed so that only a holder of the predecessor can read it.

    One-time pad from a PRF: the pad hangs on the successor's hash too, so no two are sealed under one pad, and the key
    is 256 random bits. Integrity is the store's own: the unsealed secret is compared with the hash stored beside it.
    """
    return successor_of(predecessor_secret, os.urandom(SECRET_BYTES))


def successor_of(predecessor_secret: str, random_bytes: bytes) -> Successor:
    """The successor made from 32 given bytes."""
    secret = encode(random_bytes)
    secret_hash = digest(secret)
    return Successor(secret, secret_hash, encode(_padded(predecessor_secret, secret_hash, random_bytes)))


def unseal_successor(predecessor_secret: str, sealed: str, successor_hash: str) -> str:
    """The successor that was sealed for this predecessor. Raises ValueError if it is not the one expected."""
    secret = encode(_padded(predecessor_secret, successor_hash, decode(sealed)))
    if not hmac.compare_digest(digest(secret), successor_hash):
        raise ValueError("the sealed successor is not the one on record")
    return secret


def _padded(predecessor_secret: str, successor_hash: str, data: bytes) -> bytes:
    if len(data) != SECRET_BYTES:
        raise ValueError("a sealed secret has another length")
    pad = mac(predecessor_secret.encode(), "successor", successor_hash)
    return (int.from_bytes(pad, "big") ^ int.from_bytes(data, "big")).to_bytes(SECRET_BYTES, "big")
