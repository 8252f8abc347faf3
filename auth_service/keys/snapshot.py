"""A ring made ready for use in one process: keys imported, the private one unsealed, the document encoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from joserfc.errors import JoseError

from auth_service.key_encryption import DecryptionFailed
from auth_service.keys.jws import SigningKey, VerifyingKey
from auth_service.keys.key_generation import import_key
from auth_service.keys.public_key_set import PublicKeySet, publish
from shared.errors import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auth_service.key_encryption import EncryptionKeys
    from auth_service.keys.lifecycle import Ring


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One version of the ring, in memory. `signing_key` is None if no configured secret opens it."""

    ring: Ring
    public_key_set: PublicKeySet
    verifying_keys: Mapping[str, VerifyingKey]
    signing_key: SigningKey | None


def take_snapshot(ring: Ring, encryption_keys: EncryptionKeys, previous: Snapshot | None) -> Snapshot:
    """Import what is new since the previous snapshot: a kid never means two keys, so known ones are kept.

    Raises ServiceUnavailable if a stored key is not what it says.
    """
    try:
        return _taken(ring, encryption_keys, previous)
    except (JoseError, ValueError) as exc:
        raise ServiceUnavailable(f"a key of the stored ring cannot be imported: {exc}", error_id="key_ring") from exc


def _taken(ring: Ring, encryption_keys: EncryptionKeys, previous: Snapshot | None) -> Snapshot:
    known = previous.verifying_keys if previous else {}
    verifying_keys = {
        key.kid: known.get(key.kid) or VerifyingKey(key.algorithm, import_key(key.algorithm, key.public))
        for key in ring.keys
    }
    if previous and previous.signing_key and previous.signing_key.kid == ring.active.kid:
        signing_key: SigningKey | None = previous.signing_key
    else:
        signing_key = _unsealed(ring, encryption_keys)
    return Snapshot(ring, publish(ring), verifying_keys, signing_key)


def _unsealed(ring: Ring, encryption_keys: EncryptionKeys) -> SigningKey | None:
    active = ring.active
    try:
        private = encryption_keys.unseal(active.kid, active.sealed or "")
    except DecryptionFailed:
        return None
    return SigningKey(active.kid, active.algorithm, import_key(active.algorithm, private))
