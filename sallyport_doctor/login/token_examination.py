"""Parses an access token and verifies its signature offline, like a resource server. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry

from sallyport_doctor.jose import base64url_decode, compact_parts
from sallyport_doctor.login_evidence import Signature, TokenEvidence

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_BYTES: Final = 64 * 1024
_VERIFIABLE: Final = [
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
]


def examine_token(unverified_token: str, key_set: Mapping[str, Any] | None) -> TokenEvidence:
    """The header and claims of a token, and its signature by the JWKS; opaque when it is not a compact JWS."""
    parts = compact_parts(unverified_token)
    if parts is None or len(unverified_token) > _MAX_BYTES:
        return TokenEvidence(opaque=True)
    header, claims = _object(parts[0]), _object(parts[1])
    if header is None or claims is None or "alg" not in header:
        return TokenEvidence(opaque=True)
    return TokenEvidence(
        opaque=False, header=header, claims=claims, signature=_signature(unverified_token, header, key_set)
    )


def _signature(token: str, header: Mapping[str, Any], key_set: Mapping[str, Any] | None) -> Signature:
    keys = key_set.get("keys") if key_set is not None else None
    if not isinstance(keys, list) or header.get("alg") not in _VERIFIABLE:
        return Signature.NOT_CHECKED
    # Like lenient verifiers, try the only key when kid is absent; the missing kid is a finding of its own.
    kid = header.get("kid")
    named = [k for k in keys if isinstance(k, dict) and (k.get("kid") == kid or (kid is None and len(keys) == 1))]
    if not named:
        return Signature.UNKNOWN_KEY
    try:
        jws.deserialize_compact(token, JWKRegistry.import_key(named[0]), algorithms=_VERIFIABLE)
    except (JoseError, ValueError, TypeError, KeyError):
        return Signature.INVALID
    return Signature.VALID


def _object(part: str) -> dict[str, Any] | None:
    try:
        value = json.loads(base64url_decode(part))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
