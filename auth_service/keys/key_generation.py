"""Key pairs: made, named, and taken apart into a public and a private half."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any, Final, cast

from joserfc.jwk import ECKey, OKPKey, RSAKey

from auth_service.keys.lifecycle import NewKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auth_service.key_encryption import EncryptionKeys

AsymmetricKey = RSAKey | ECKey | OKPKey

RSA_BITS: Final = 2048
_KEY_TYPES: Final[dict[str, type[RSAKey | ECKey | OKPKey]]] = {
    "RS256": RSAKey,
    "ES256": ECKey,
    "EdDSA": OKPKey,
}


def new_key(algorithm: str, encryption_keys: EncryptionKeys) -> NewKey:
    """Make a key pair for RS256, ES256 or EdDSA. An RSA pair takes some 0.1 s of computing."""
    key = _generate(algorithm)
    public = cast("dict[str, str]", key.as_dict(private=False))
    kid = name_of(public)
    sealed = encryption_keys.seal(kid, cast("dict[str, Any]", key.as_dict(private=True)))
    return NewKey(kid=kid, algorithm=algorithm, public=public, sealed=sealed)


def import_key(algorithm: str, jwk: Mapping[str, Any]) -> AsymmetricKey:
    """A public or private JWK as a usable key. Raises ValueError or joserfc.errors.JoseError."""
    return _KEY_TYPES[algorithm].import_key(dict(jwk))


def name_of(public: Mapping[str, str]) -> str:
    """The kid: 80 bits of the key's digest, in letters and digits that survive a command line.

    Being made from the key, no kid ever means two keys.
    """
    canonical = json.dumps(dict(sorted(public.items())), separators=(",", ":")).encode()
    return base64.b32encode(hashlib.sha256(canonical).digest()[:10]).decode().lower()


def _generate(algorithm: str) -> AsymmetricKey:
    if algorithm == "RS256":
        return RSAKey.generate_key(RSA_BITS)
    if algorithm == "ES256":
        return ECKey.generate_key("P-256")
    if algorithm == "EdDSA":
        return OKPKey.generate_key("Ed25519")
    raise ValueError(f"{algorithm!r} is not an algorithm for access tokens")
