"""Key pairs of the guard: generation, import, and the JWKS that is published."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from pydantic_core import to_json

from mcp_service.principal.key_lifecycle import OwnKey, OwnKeyState
from shared.jose.algorithms import signature_algorithm
from shared.jose.strict_json import BadJson, parse_json_object

if TYPE_CHECKING:
    from mcp_service.principal.key_lifecycle import OwnKeys

_PUBLIC_MEMBERS: Final = ("kty", "crv", "x", "y")
_ALGORITHM: Final = "ES256"
"""The one that every JWT library verifies. The name EdDSA is deprecated (RFC 9864), its successor little known."""


class InvalidOwnKey(ValueError):
    """A configured or stored key that cannot sign. The text holds no part of the key."""


@dataclass(frozen=True, slots=True)
class OwnSigningKey:
    """One private key."""

    kid: str
    key: ECKey

    def sign(self, claims: Mapping[str, Any], *, typ: str) -> str:
        """A compact JWS (RFC 7515)."""
        header = {"alg": _ALGORITHM, "kid": self.kid, "typ": typ}
        return jws.serialize_compact(header, to_json(claims), self.key, algorithms=[_ALGORITHM])


@dataclass(frozen=True, slots=True)
class UsableKeys:
    """The key that signs, and the encoded JWKS with its strong ETag."""

    signing_key: OwnSigningKey
    jwks: bytes
    etag: str


def new_own_key(*, now: int) -> OwnKey:
    """Generate a pending ES256 key pair. `kid` is its thumbprint (RFC 7638)."""
    key = ECKey.generate_key("P-256")
    private = cast("dict[str, str]", key.as_dict(private=True))
    public = {name: private[name] for name in _PUBLIC_MEMBERS}
    return OwnKey(key.thumbprint(), OwnKeyState.PENDING, public, public | {"d": private["d"]}, now)


def usable(ring: OwnKeys) -> UsableKeys:
    """The keys of a stored ring. Raises InvalidOwnKey."""
    active = ring.active
    if active.private is None:
        raise InvalidOwnKey("the active key has no private part")
    return _usable(_signing_key(active.private, active.kid), {key.kid: key.public for key in ring.keys})


def configured(text: str) -> UsableKeys:
    """The keys of a private JWK, or of a JWKS whose first key signs and whose others are published too.

    Raises InvalidOwnKey.
    """
    try:
        document = parse_json_object(text.encode())
    except BadJson as exc:
        raise InvalidOwnKey("it is neither a JWK nor a JWKS") from exc
    members = document.get("keys", [document])
    if not isinstance(members, list) or not members or not all(isinstance(member, dict) for member in members):
        raise InvalidOwnKey("it is neither a JWK nor a JWKS with a key")
    public: dict[str, Mapping[str, str]] = {}
    for member in members:
        key = _import(member)
        kid = member.get("kid", key.thumbprint())
        if not isinstance(kid, str) or not kid or kid in public:
            raise InvalidOwnKey("each key needs a kid of its own")
        public[kid] = {name: member[name] for name in _PUBLIC_MEMBERS if name in member}
    return _usable(_signing_key(members[0], next(iter(public))), public)


def _usable(signing_key: OwnSigningKey, public: Mapping[str, Mapping[str, str]]) -> UsableKeys:
    jwks = json.dumps({"keys": list(_published(public.items()))}, separators=(",", ":")).encode()
    return UsableKeys(signing_key, jwks, f'"{hashlib.sha256(jwks).hexdigest()[:32]}"')


def _published(keys: Iterable[tuple[str, Mapping[str, str]]]) -> Iterable[dict[str, str]]:
    for kid, public in keys:
        yield {**public, "kid": kid, "alg": _ALGORITHM, "use": "sig"}


def _signing_key(jwk: Mapping[str, Any], kid: str) -> OwnSigningKey:
    if "d" not in jwk:
        raise InvalidOwnKey("the key that signs has no private part")
    return OwnSigningKey(kid, _import(jwk))


def _import(jwk: Mapping[str, Any]) -> ECKey:
    if signature_algorithm({name: value for name, value in jwk.items() if name != "key_ops"}) != _ALGORITHM:
        raise InvalidOwnKey("a key of the curve P-256, for signatures, is needed")
    try:
        return ECKey.import_key({name: jwk[name] for name in (*_PUBLIC_MEMBERS, "d") if name in jwk})
    except (JoseError, ValueError, TypeError, KeyError) as exc:
        raise InvalidOwnKey(f"the key cannot be read: {type(exc).__name__}") from exc
