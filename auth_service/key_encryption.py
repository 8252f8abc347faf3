"""Private keys at rest: JWEs under keys that are not in the store (invariant 4).

`AUTH_KEY_ENCRYPTION_KEY` is a list of secrets: the first encrypts, all decrypt, so that it can be changed too.
A secret itself never encrypts anything: every use derives its own key from it (HKDF, RFC 5869).
"""

from __future__ import annotations

import base64
import binascii
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

_LABEL: Final = b"sallyport signing keys at rest"
_ENCRYPTION: Final = "A256GCM"
_ADVICE: Final = "make one with: python -m auth_service check-config --new-key"


class DecryptionFailed(Exception):
    """None of the configured secrets opens this, or what is inside does not belong here."""


class EncryptionKeys:
    """The configured secrets, in order. Never shown, never compared, only derived from."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._secrets = tuple(secrets)
        # A direct-encryption key of its own per secret, named by a fingerprint that reveals nothing of it.
        self._sealing = tuple((_fingerprint(key), OctKey.import_key(key)) for key in self.derive(_LABEL))

    def __repr__(self) -> str:
        return f"EncryptionKeys({len(self._secrets)} secrets)"

    def derive(self, label: bytes) -> tuple[bytes, ...]:
        """One key of 32 bytes per configured secret, in order, for the one purpose that `label` names."""
        return tuple(HKDF(SHA256(), 32, salt=None, info=label).derive(secret) for secret in self._secrets)

    def seal(self, kid: str, private: dict[str, Any]) -> str:
        """Encrypt a private JWK under the first secret. The kid is inside too: entries cannot be swapped."""
        name, key = self._sealing[0]
        header = {"alg": "dir", "enc": _ENCRYPTION, "kid": name}
        plaintext = json.dumps({"kid": kid, "jwk": private}, separators=(",", ":"))
        return jwe.encrypt_compact(header, plaintext, key, algorithms=["dir", _ENCRYPTION])

    def unseal(self, kid: str, sealed: str) -> dict[str, Any]:
        """The private JWK of this kid. Raises DecryptionFailed."""
        for _name, key in self._sealing:
            try:
                opened = jwe.decrypt_compact(sealed, key, algorithms=["dir", _ENCRYPTION]).plaintext
                content = json.loads(opened or b"")
            except (JoseError, ValueError):
                continue
            if content["kid"] != kid:
                raise DecryptionFailed(f"what is sealed as {kid} is another key")
            jwk: dict[str, Any] = content["jwk"]
            return jwk
        raise DecryptionFailed(f"no secret of AUTH_KEY_ENCRYPTION_KEY opens the key {kid}")

    def position(self, sealed: str) -> int | None:
        """Which secret sealed this, counted from 0, by the name in the header; None if it is not configured."""
        try:
            header = json.loads(base64.urlsafe_b64decode(sealed.split(".", 1)[0] + "=="))
        except (ValueError, binascii.Error):
            return None
        names = [name for name, _key in self._sealing]
        return names.index(header["kid"]) if header.get("kid") in names else None


def parse_encryption_keys(values: Sequence[str]) -> EncryptionKeys:
    """Check and decode the configured secrets. Raises Misconfigured naming the fault, never the secret."""
    if not values:
        raise Misconfigured(f"no secret is given; {_ADVICE}")
    secrets: list[bytes] = []
    for number, value in enumerate(values, start=1):
        try:
            secret = _decode(value)
            _refuse_weak(secret)
        except ValueError as exc:
            raise Misconfigured(f"secret {number} {exc}; {_ADVICE}") from None
        if secret in secrets:
            raise Misconfigured(f"secret {number} repeats an earlier one")
        secrets.append(secret)
    return EncryptionKeys(secrets)


def _decode(value: str) -> bytes:
    # Plain base64 is accepted as well: it is what most generators print.
    text = value.strip().rstrip("=")
    try:
        secret = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise ValueError("is not base64url") from None
    if len(secret) != 32:
        raise ValueError(f"is {len(secret)} bytes long, not 32")
    return secret


def _refuse_weak(secret: bytes) -> None:
    """What no random generator makes, in any number of lifetimes, but what people type."""
    if len(set(secret)) < 12:
        raise ValueError("repeats a few bytes over and over")
    if len({(after - before) % 256 for before, after in pairwise(secret)}) == 1:
        raise ValueError("is a plain sequence")
    if all(0x20 <= byte < 0x7F for byte in secret):
        raise ValueError("was typed: it is plain text, not random bytes")


def _fingerprint(key: bytes) -> str:
    return hashlib.sha256(b"sallyport sealing key name" + key).hexdigest()[:12]
