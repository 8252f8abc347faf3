"""The published JWKS (RFC 7517): the public keys of one version of the ring. Pure."""

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
    """One version of the JWKS, encoded."""

    version: int
    body: bytes
    etag: str
    """Strong (RFC 9110 section 8.8.3): the ring's version and a digest of the kids."""

    def matches(self, if_none_match: str) -> bool:
        """Whether an If-None-Match header names this version, by weak comparison (RFC 9110 section 13.1.2)."""
        return any(tag.strip().removeprefix("W/") == self.etag for tag in if_none_match.split(","))

    def reported_version(self, if_none_match: str | None) -> int:
        """The version that a verifier reports, never a later one than this; 0 if it names none of this issuer."""
        if if_none_match and self.matches(if_none_match):
            return self.version
        # The same number with other kids belongs to a ring that Redis has lost: it proves nothing.
        claimed = claimed_version(if_none_match)
        return claimed if claimed < self.version else 0


def claimed_version(unverified_if_none_match: str | None) -> int:
    """The version in an If-None-Match header of the form that `etag` has, unverified; 0 if it has another form."""
    claimed = _ETAG.fullmatch((unverified_if_none_match or "").strip())
    return int(claimed[1]) if claimed else 0


def build_public_key_set(ring: Ring) -> PublicKeySet:
    """The JWKS of a ring: all its keys, the active one first, public members only."""
    keys = [
        {"kty": key.public["kty"], "use": "sig", "alg": key.algorithm, "kid": key.kid}
        | {name: key.public[name] for name in _PUBLIC_MEMBERS if name in key.public}
        for key in ring.keys
    ]
    digest = hashlib.sha256(" ".join(key.kid for key in ring.keys).encode()).hexdigest()[:16]
    body = json.dumps({"keys": keys}, separators=(",", ":")).encode()
    return PublicKeySet(version=ring.version, body=body, etag=f'"{ring.version}-{digest}"')
