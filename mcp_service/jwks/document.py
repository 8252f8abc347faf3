"""From the bytes of a key set document to keys that can verify, or a reason why not.

Pure. A document is taken whole or not at all: one that is wrong in any way that matters never replaces a good one.
Keys that others need and we do not (encryption keys, other algorithms) are passed over (RFC 7517 section 5), and so
are members that a later issuer may add (invariant 11).
"""

from __future__ import annotations

import base64
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import Key, import_key
from joserfc.jws import JWSRegistry

from shared.jose.strict_json import BadJson, parse_json_object

MAX_KEYS: Final = 64
MIN_RSA_BITS: Final = 2048
MAX_RSA_BITS: Final = 8192

_ALGORITHMS: Final[Mapping[tuple[object, object], str]] = {
    ("RSA", None): "RS256",
    ("EC", "P-256"): "ES256",
    ("OKP", "Ed25519"): "EdDSA",
}
"""The one algorithm for which a key of each kind is used, by kty and crv."""

_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})


class InvalidJwks(Exception):
    """The document is refused. `error_id` names the rule; the text is for the log."""

    def __init__(self, error_id: str, reason: str) -> None:
        super().__init__(reason)
        self.error_id = error_id
        self.reason = reason


@dataclass(frozen=True, slots=True, eq=False)
class VerificationKey:
    """One public key. Compared by identity: a key that was withdrawn and published again is another key."""

    kid: str
    algorithm: str
    thumbprint: str
    key: Key

    def verify(self, signing_input: bytes, signature: bytes) -> bool:
        """Whether this key made the signature, with the one algorithm that it is for."""
        return bool(_algorithm(self.algorithm).verify(signing_input, signature, self.key))

    def same_as(self, other: VerificationKey) -> bool:
        """Whether both are the same public key for the same use."""
        return self.thumbprint == other.thumbprint and self.algorithm == other.algorithm


def parse_jwks(body: bytes, *, algorithms: frozenset[str]) -> dict[str, VerificationKey]:
    """Read a JWK Set (RFC 7517 section 5) and return its usable keys by kid. Raises InvalidJwks."""
    try:
        document = parse_json_object(body)
    except BadJson as exc:
        raise InvalidJwks("json", str(exc)) from exc
    entries = document.get("keys")
    if not isinstance(entries, list) or not entries:
        raise InvalidJwks("no_keys", "the document has no list of keys")
    if len(entries) > MAX_KEYS:
        raise InvalidJwks("too_many", f"{len(entries)} keys are more than {MAX_KEYS}")
    kids: set[str] = set()
    usable: dict[str, VerificationKey] = {}
    for entry in entries:
        if not isinstance(entry, dict):
            raise InvalidJwks("json", "a key is not an object")
        _refuse_secrets(entry)
        kid = entry.get("kid")
        if not isinstance(kid, str) or not 0 < len(kid) <= 200:
            continue  # no token that we accept can name it
        if kid in kids:
            raise InvalidJwks("duplicate_kid", f"two keys are called {kid!r:.60}")
        kids.add(kid)
        key = _usable(kid, entry, algorithms)
        if key is not None:
            usable[kid] = key
    if not usable:
        raise InvalidJwks("no_keys", "none of the keys is one that can verify a token here")
    return usable


def _refuse_secrets(entry: Mapping[str, Any]) -> None:
    # Whoever publishes a private or symmetric key has lost it: nothing in that document can be trusted.
    if entry.get("kty") == "oct":
        raise InvalidJwks("symmetric", "the document holds a symmetric key")
    if not _PRIVATE_MEMBERS.isdisjoint(entry):
        raise InvalidJwks("private", "the document holds a private key")


def _usable(kid: str, entry: Mapping[str, Any], algorithms: frozenset[str]) -> VerificationKey | None:
    algorithm = _ALGORITHMS.get((entry.get("kty"), entry.get("crv")))
    if algorithm is None or algorithm not in algorithms or entry.get("alg", algorithm) != algorithm:
        return None
    key_ops = entry.get("key_ops", ["verify"])
    if entry.get("use", "sig") != "sig" or not isinstance(key_ops, list) or "verify" not in key_ops:
        return None
    public = {name: entry[name] for name in ("kty", "crv", "n", "e", "x", "y") if name in entry}
    try:
        # Before the library looks at it: it warns of short keys, and takes its time with absurd ones.
        if algorithm == "RS256" and not MIN_RSA_BITS <= (bits := _bits(entry["n"])) <= MAX_RSA_BITS:
            raise InvalidJwks("rsa_size", f"the RSA key {kid!r:.60} has {bits} bits")
        key = import_key(public)
        return VerificationKey(kid, algorithm, key.thumbprint(), key)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as exc:
        raise InvalidJwks("key", f"the key {kid!r:.60} cannot be read: {type(exc).__name__}") from exc


def _bits(modulus: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(modulus + "=" * (-len(modulus) % 4))).bit_length()


@lru_cache(maxsize=8)
def _algorithm(name: str) -> Any:
    with warnings.catch_warnings():
        # RFC 9864 renames EdDSA and joserfc warns of the old name; RFC 9068 servers and we still use it.
        warnings.simplefilter("ignore", SecurityWarning)
        return JWSRegistry(algorithms=[name]).get_alg(name)
