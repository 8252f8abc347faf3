"""Encryption of what Redis and pages hold: JWEs (RFC 7516) under keys that are not in Redis (invariant 4).

`AUTH_KEY_ENCRYPTION_KEY` is a list of secrets, so that it can be changed: the first encrypts, all decrypt.
A secret never encrypts anything itself: for every purpose a key is derived from it (HKDF, RFC 5869).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from shared.errors import Misconfigured
from shared.jose import base64url
from shared.jose.strict_json import parse_json_object
from shared.operator_commands import operator_command

_LABEL: Final = b"sallyport signing keys at rest"
_ENCRYPTION: Final = "A256GCM"
_RECORD_HEADER: Final = {"alg": "dir", "enc": _ENCRYPTION}
_RECORD_ALGORITHMS: Final = ("dir", _ENCRYPTION)


class DecryptionFailed(Exception):
    """No configured secret decrypts the JWE, or it contains the key of another `kid`."""


class RecordEncryption:
    """Encrypts short-lived values under keys of one purpose: compact JWEs, `dir` with A256GCM."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """`keys` have 32 bytes each, as `EncryptionKeys.derive` returns them; the first encrypts, all decrypt."""
        self._keys = tuple(OctKey.import_key(key) for key in keys)

    def encrypt(self, plaintext: bytes) -> str:
        """The JWE, in ASCII: a third longer than the plaintext."""
        return jwe.encrypt_compact(dict(_RECORD_HEADER), plaintext, self._keys[0], algorithms=_RECORD_ALGORITHMS)

    def decrypt(self, unverified: str) -> bytes | None:
        """The plaintext; None for anything that was not encrypted under one of the keys."""
        for key in self._keys:
            try:
                return jwe.decrypt_compact(unverified, key, algorithms=_RECORD_ALGORITHMS).plaintext
            except (JoseError, ValueError, KeyError, TypeError):
                continue
        return None


class EncryptionKeys:
    """The configured secrets, in order. They are never shown and never compared: keys are derived from them."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._secrets = tuple(secrets)
        # One direct-encryption key per secret, with a fingerprint as its id that reveals nothing about it.
        self._keys = tuple((_fingerprint(key), OctKey.import_key(key)) for key in self.derive(_LABEL))

    def __repr__(self) -> str:
        return f"EncryptionKeys({len(self._secrets)} secrets)"

    def derive(self, label: bytes) -> tuple[bytes, ...]:
        """One key of 32 bytes per configured secret, in order, for the one purpose that `label` names."""
        return tuple(HKDF(SHA256(), 32, salt=None, info=label).derive(secret) for secret in self._secrets)

    def encrypt(self, kid: str, private: dict[str, Any]) -> str:
        """A JWE of a private JWK under the first secret. It contains the `kid`, so that entries cannot be swapped."""
        fingerprint, key = self._keys[0]
        header = {"alg": "dir", "enc": _ENCRYPTION, "kid": fingerprint}
        plaintext = json.dumps({"kid": kid, "jwk": private}, separators=(",", ":"))
        return jwe.encrypt_compact(header, plaintext, key, algorithms=["dir", _ENCRYPTION])

    def decrypt(self, kid: str, encrypted: str) -> dict[str, Any]:
        """The private JWK with this `kid`. Raises DecryptionFailed."""
        for _fingerprint, key in self._keys:
            try:
                plaintext = jwe.decrypt_compact(encrypted, key, algorithms=["dir", _ENCRYPTION]).plaintext
                content = parse_json_object(plaintext or b"")
            except (JoseError, ValueError):
                continue
            if content["kid"] != kid:
                raise DecryptionFailed(f"the JWE stored for {kid} contains another key")
            jwk: dict[str, Any] = content["jwk"]
            return jwk
        raise DecryptionFailed(f"no secret of AUTH_KEY_ENCRYPTION_KEY decrypts the key {kid}")

    def position(self, encrypted: str) -> int | None:
        """The index of the secret that encrypted this, by the fingerprint in the header; None if not configured."""
        try:
            header = parse_json_object(base64url.decode(encrypted.split(".", 1)[0]))
        except ValueError:
            return None
        fingerprints = [fingerprint for fingerprint, _key in self._keys]
        return fingerprints.index(header["kid"]) if header.get("kid") in fingerprints else None


def parse_encryption_keys(values: Sequence[str]) -> EncryptionKeys:
    """Check and decode the configured secrets. Raises Misconfigured, which never shows a secret."""
    if not values:
        raise Misconfigured(f"no secret is given; {_how_to_make_one()}")
    secrets: list[bytes] = []
    for number, value in enumerate(values, start=1):
        try:
            secret = _decode(value)
            _reject_weak(secret)
        except ValueError as exc:
            raise Misconfigured(f"secret {number} {exc}; {_how_to_make_one()}") from None
        if secret in secrets:
            raise Misconfigured(f"secret {number} repeats an earlier one")
        secrets.append(secret)
    return EncryptionKeys(secrets)


def _decode(value: str) -> bytes:
    # Plain base64 is accepted as well: it is what most generators print.
    try:
        secret = base64url.decode(value.strip().rstrip("=").replace("+", "-").replace("/", "_"))
    except ValueError:
        raise ValueError("is not base64url") from None
    if len(secret) != 32:
        raise ValueError(f"is {len(secret)} bytes long, not 32")
    return secret


def _reject_weak(secret: bytes) -> None:
    """Raise ValueError for values that a random generator practically never produces, but that users type."""
    if len(set(secret)) < 12:
        raise ValueError("repeats a few bytes over and over")
    if len({(after - before) % 256 for before, after in pairwise(secret)}) == 1:
        raise ValueError("is a plain sequence")
    if all(0x20 <= byte < 0x7F for byte in secret):
        raise ValueError("was typed: it is plain text, not random bytes")


def _fingerprint(key: bytes) -> str:
    return hashlib.sha256(b"sallyport key encryption key id" + key).hexdigest()[:12]


def _how_to_make_one() -> str:
    return f"make one with: {operator_command('auth_service', 'check-config', '--new-key', stopped=True)}"
