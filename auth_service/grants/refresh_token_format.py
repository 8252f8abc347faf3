"""The format of a refresh token, and the derivation of its successor.

`<grant id>.<generation>.<secret>.<MAC>`: the MAC key is not in Redis, so that a token of this server is recognised even
if a failover lost the write that stored it (ADR 0005, SECURITY.md).

The successor's secret is derived from the predecessor's and a salt in Redis: a repeated refresh returns the same
successor, and from a copy of Redis, which contains no secret, nothing can be derived (invariants 4 and 6).
"""

from __future__ import annotations

import hmac
import os
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from auth_service.protocol.opaque import mac, short_digest
from auth_service.status_lists.identifiers import FORM as GRANT_ID_FORM
from shared.jose import base64url

if TYPE_CHECKING:
    from collections.abc import Iterable

_SALT_BYTES: Final = 8
_MAC_BYTES: Final = 16

# Canonical base64url without padding: the bits of the last character that carry no data are zero.
_OF_16_BYTES: Final = "[A-Za-z0-9_-]{21}[AQgw]"
_OF_32_BYTES: Final = "[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]"
_FORM: Final = re.compile(rf"({GRANT_ID_FORM})\.(0|[1-9][0-9]{{0,8}})\.({_OF_32_BYTES})\.({_OF_16_BYTES})")


class NotARefreshToken(ValueError):
    """The text does not have the form of a refresh token, or its MAC is not valid."""


class RefreshToken(NamedTuple):
    """A refresh token whose MAC is valid; its state in Redis is not checked."""

    grant_id: str
    generation: int
    secret: str

    @property
    def secret_hash(self) -> str:
        """The form stored in Redis."""
        return short_digest(self.secret)


class RefreshTokenFormat:
    """Writes and reads refresh tokens."""

    def __init__(self, mac_keys: tuple[bytes, ...]) -> None:
        """The first key computes MACs; all keys verify them, so that keys can be rotated."""
        self._keys = mac_keys

    def write(self, grant_id: str, generation: int, secret: str) -> str:
        """The token as the client receives it."""
        return f"{grant_id}.{generation}.{secret}.{_mac(self._keys[0], grant_id, str(generation), secret)}"

    def read(self, unverified_token: str) -> RefreshToken:
        """Parse a presented token, and verify its MAC before anything else is done with it. Raises NotARefreshToken."""
        form = _FORM.fullmatch(unverified_token)
        if form is None:
            raise NotARefreshToken("not four parts of the expected form and length")
        grant_id, number, secret, unverified_mac = form.groups()
        for key in self._keys:
            if hmac.compare_digest(unverified_mac, _mac(key, grant_id, number, secret)):
                return RefreshToken(grant_id, int(number), secret)
        raise NotARefreshToken("the MAC is not valid")


def _mac(key: bytes, grant_id: str, generation: str, secret: str) -> str:
    return base64url.encode(mac(key, "refresh-token", grant_id, generation, secret)[:_MAC_BYTES])


class Successor(NamedTuple):
    """The secret that follows another, with the salt and hash that are stored."""

    secret: str
    hash: str
    salt: str


def new_successor(predecessor_secret: str) -> Successor:
    """A new successor with a random salt; only a holder of the predecessor can derive it."""
    return successor_of(predecessor_secret, base64url.encode(os.urandom(_SALT_BYTES)))


def successor_of(predecessor_secret: str, salt: str) -> Successor:
    """The successor with this salt.

    A PRF under 256 random bits, the secret of the predecessor. The salt is no secret: it only lets requests that race
    propose different successors, of which Redis keeps one.
    """
    secret = base64url.encode(mac(predecessor_secret.encode(), "successor", salt))
    return Successor(secret, short_digest(secret), salt)


def follow(secret: str, chain: Iterable[tuple[str, str]]) -> str:
    """The last secret of a chain of successors, each given by salt and hash. Raises ValueError if a hash differs."""
    for salt, successor_hash in chain:
        successor = successor_of(secret, salt)
        if not hmac.compare_digest(successor.hash, successor_hash):
            raise ValueError("the derived successor is not the one on record")
        secret = successor.secret
    return secret
