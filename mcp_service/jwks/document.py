"""Parses a JWKS (RFC 7517 section 5) into verification keys, or refuses it with a reason.

Pure. A document is accepted whole or not at all: a faulty one never replaces a good one. Keys for other uses and
algorithms are passed over, and so are members that a later issuer may add (invariant 11).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from shared.jose.algorithms import is_secret, signature_algorithm
from shared.jose.keys import InvalidKey, VerificationKey, import_verification_key
from shared.jose.strict_json import BadJson, parse_json_object

MAX_KEYS: Final = 64


class InvalidJwks(Exception):
    """The document is refused. `error_id` names the rule; the text is for the log."""

    def __init__(self, error_id: str, reason: str) -> None:
        super().__init__(reason)
        self.error_id = error_id
        self.reason = reason


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
        if is_secret(entry):
            # A private or symmetric key that was published is compromised: nothing in that document can be trusted.
            symmetric = entry.get("kty") == "oct"
            raise InvalidJwks("symmetric" if symmetric else "private", "the document holds a key that is not public")
        kid = entry.get("kid")
        if not isinstance(kid, str) or not 0 < len(kid) <= 200:
            continue  # no acceptable token can name it
        if kid in kids:
            raise InvalidJwks("duplicate_kid", f"two keys are called {kid!r:.60}")
        kids.add(kid)
        key = _usable(kid, entry, algorithms)
        if key is not None:
            usable[kid] = key
    if not usable:
        raise InvalidJwks("no_keys", "no key can verify a token here")
    return usable


def _usable(kid: str, entry: Mapping[str, Any], algorithms: frozenset[str]) -> VerificationKey | None:
    if signature_algorithm(entry) not in algorithms:
        return None
    try:
        return import_verification_key(entry, kid=kid)
    except InvalidKey as exc:
        raise InvalidJwks(exc.error_id, f"{kid!r:.60}: {exc}") from exc
