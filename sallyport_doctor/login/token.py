"""Looking into an access token, and verifying it offline as a resource server would. Pure: nothing is sent."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry

from sallyport_doctor.login.seen import TokenSeen

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


def look_into(unverified_token: str, key_set: Mapping[str, Any] | None) -> TokenSeen:
    """What a token says and whether the key set vouches for it; opaque when it is not a signed JWT."""
    parts = unverified_token.split(".")
    if len(parts) != 3 or len(unverified_token) > _MAX_BYTES:
        return TokenSeen(opaque=True)
    header, claims = _object(parts[0]), _object(parts[1])
    if header is None or claims is None or "alg" not in header:
        return TokenSeen(opaque=True)
    return TokenSeen(
        opaque=False, header=header, claims=claims, signature=_signature(unverified_token, header, key_set)
    )


def _signature(token: str, header: Mapping[str, Any], key_set: Mapping[str, Any] | None) -> str:
    keys = key_set.get("keys") if key_set is not None else None
    if not isinstance(keys, list) or header.get("alg") not in _VERIFIABLE:
        return "not checked"
    # A nameless token is tried with a lone key, as lenient verifiers do; that the name is missing is told apart.
    wanted = header.get("kid")
    named = [k for k in keys if isinstance(k, dict) and (k.get("kid") == wanted or (wanted is None and len(keys) == 1))]
    if not named:
        return "no such key"
    try:
        jws.deserialize_compact(token, JWKRegistry.import_key(named[0]), algorithms=_VERIFIABLE)
    except (JoseError, ValueError, TypeError, KeyError):
        return "wrong"
    return "good"


def _object(part: str) -> dict[str, Any] | None:
    try:
        value = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
