"""The published key set (RFC 7517): which public keys there are, at one version of the ring. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from auth_service.keys.lifecycle import Ring

_ETAG: Final = re.compile(r'(?:W/)?"(\d{1,15})-[0-9a-f]{16}"')
_PUBLIC_MEMBERS: Final = ("n", "e", "crv", "x", "y")


@dataclass(frozen=True, slots=True)
class PublicKeySet:
    """One version of the document, ready to be sent."""

    version: int
    body: bytes
    etag: str
    """Strong (RFC 9110 section 8.8.3): the ring's version and a digest of the kids."""

    def is_held_by(self, if_none_match: str) -> bool:
        """Whether an If-None-Match header names this version. Weak comparison, as RFC 9110 section 13.1.2 has it."""
        return any(tag.strip().removeprefix("W/") == self.etag for tag in if_none_match.split(","))

    def version_held(self, if_none_match: str | None) -> int:
        """Which version a holder says it has, never one that is yet to come; 0 when it names none of ours."""
        if if_none_match and self.is_held_by(if_none_match):
            return self.version
        # The same number with other kids is a ring that the store lost: it proves nothing.
        named = version_named(if_none_match)
        return named if named < self.version else 0


def version_named(unverified_if_none_match: str | None) -> int:
    """The version that an If-None-Match header of our making names, true or not; 0 if it is none of ours."""
    named = _ETAG.fullmatch((unverified_if_none_match or "").strip())
    return int(named[1]) if named else 0


def publish(ring: Ring) -> PublicKeySet:
    """The document of a ring: every key that it has, the signing one first, public members only."""
    keys = [
        {"kty": key.public["kty"], "use": "sig", "alg": key.algorithm, "kid": key.kid}
        | {name: key.public[name] for name in _PUBLIC_MEMBERS if name in key.public}
        for key in ring.keys
    ]
    digest = hashlib.sha256(" ".join(key.kid for key in ring.keys).encode()).hexdigest()[:16]
    body = json.dumps({"keys": keys}, separators=(",", ":")).encode()
    return PublicKeySet(version=ring.version, body=body, etag=f'"{ring.version}-{digest}"')
