"""Encrypts an interaction into a value that a form carries: a compact JWE (RFC 7516), `dir` with A256GCM.

The browser can neither read nor change it. Its keys are derived from AUTH_KEY_ENCRYPTION_KEY for this purpose only: the
first encrypts, all decrypt, so that a rotation of the secret breaks no page that is open.

The value is never put into a cookie, where values of abandoned requests would pile up until every request is too large,
nor into a URL. It is no credential: only the browser to which it is bound can use it, and a decision is recorded once
however often the value is presented (record_consent.lua).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from auth_service.authorization.interaction import Interaction

INTERACTION_LABEL: Final = b"sallyport encrypted interaction v1"
"""For EncryptionKeys.derive."""

MAX_ENCRYPTED: Final = 48 * 1024
"""The largest accepted request is about 28 kB when encrypted; a form may have 64 KiB."""

_HEADER: Final = {"alg": "dir", "enc": "A256GCM"}
_ALGORITHMS: Final = tuple(_HEADER.values())


class InteractionEncryption:
    """Encrypts and decrypts interactions. Pure but for the random IV."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """`keys` have 32 bytes each; the first encrypts."""
        self._keys = tuple(OctKey.import_key(key) for key in keys)

    def encrypt(self, interaction: Interaction) -> str:
        """The value for a form of the interaction's browser."""
        return jwe.encrypt_compact(dict(_HEADER), interaction.to_json(), self._keys[0], algorithms=_ALGORITHMS)

    def decrypt(self, unverified: str) -> Interaction | None:
        """The interaction that was encrypted here. Browser and expiry are not checked yet.

        None for anything else: an identifier, another key, another algorithm, a change of a single bit.
        """
        if unverified.count(".") != 4 or len(unverified) > MAX_ENCRYPTED or not unverified.isascii():
            return None
        for key in self._keys:
            try:
                plaintext = jwe.decrypt_compact(unverified, key, algorithms=_ALGORITHMS).plaintext
                return Interaction.from_json(plaintext or b"")
            except (JoseError, ValueError, KeyError, TypeError):
                continue
        return None
