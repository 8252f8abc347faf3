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

from auth_service.authorization.interaction import Interaction
from auth_service.key_encryption import RecordEncryption

INTERACTION_LABEL: Final = b"sallyport encrypted interaction v1"
"""For EncryptionKeys.derive."""

MAX_ENCRYPTED: Final = 48 * 1024
"""The largest accepted request is about 28 kB when encrypted; a form may have 64 KiB."""


class InteractionEncryption:
    """Encrypts and decrypts interactions. Pure but for the random IV."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """`keys` have 32 bytes each; the first encrypts."""
        self._records = RecordEncryption(keys)

    def encrypt(self, interaction: Interaction) -> str:
        """The value for a form of the interaction's browser."""
        return self._records.encrypt(interaction.to_json())

    def decrypt(self, unverified: str) -> Interaction | None:
        """The interaction that was encrypted here. Browser and expiry are not checked yet.

        None for anything else: an identifier, another key, another algorithm, a change of a single bit.
        """
        if unverified.count(".") != 4 or len(unverified) > MAX_ENCRYPTED or not unverified.isascii():
            return None
        plaintext = self._records.decrypt(unverified)
        try:
            return None if plaintext is None else Interaction.from_json(plaintext)
        except (ValueError, KeyError, TypeError):
            return None
