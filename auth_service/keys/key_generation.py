"""Key pairs: generation, import and key ids."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any, Final, cast

from joserfc.jwk import JWKRegistry, Key, import_key

from auth_service.keys.lifecycle import NewKey
from shared.jose.algorithms import KEY_KINDS, signature_algorithm

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auth_service.key_encryption import EncryptionKeys

RSA_BITS: Final = 2048


def new_key(algorithm: str, encryption_keys: EncryptionKeys) -> NewKey:
    """Generate a key pair for RS256, ES256 or EdDSA. An RSA pair takes about 0.1 s of CPU time."""
    kind = KEY_KINDS.get(algorithm)
    if kind is None:
        raise ValueError(f"{algorithm!r} is not an algorithm for access tokens")
    key = JWKRegistry.generate_key(kind.kty, kind.crv or RSA_BITS)
    public = cast("dict[str, str]", key.as_dict(private=False))
    kid = key_id(public)
    encrypted = encryption_keys.encrypt(kid, cast("dict[str, Any]", key.as_dict(private=True)))
    return NewKey(kid=kid, algorithm=algorithm, public=public, encrypted_private=encrypted)


def import_private_key(algorithm: str, jwk: Mapping[str, Any]) -> Key:
    """A private JWK as a key object. Raises ValueError or joserfc.errors.JoseError."""
    if signature_algorithm(jwk) != algorithm:
        raise ValueError(f"the key is not one for {algorithm}")
    return import_key(dict(jwk))


def key_id(public: Mapping[str, str]) -> str:
    """The `kid`: 80 bits of the public key's SHA-256 digest in base32, which needs no quoting on a command line.

    It is derived from the key, so a `kid` never stands for two keys.
    """
    canonical = json.dumps(dict(sorted(public.items())), separators=(",", ":")).encode()
    return base64.b32encode(hashlib.sha256(canonical).digest()[:10]).decode().lower()
