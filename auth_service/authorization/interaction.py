"""An interaction: the state of one authorization request until the user decides, bound to one browser.

The first page of a request carries the interaction encrypted, and nothing is stored. After a sign-in it is stored, and
the consent page carries its identifier. The identifier becomes the grant's identifier when the user approves, so that
recording consent and creating the grant are one atomic step in one slot of Redis (invariant 3). Pure, but for the
random IV of the encryption.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from auth_service.authorization.request import AuthorizationRequest
from auth_service.encryption import RecordEncryption
from auth_service.protocol.errors import PageError
from auth_service.protocol.opaque import digest
from auth_service.texts import message

if TYPE_CHECKING:
    from auth_service.clients.client import Client
    from auth_service.sessions.repository import Session

INTERACTION_LABEL: Final = b"sallyport encrypted interaction v1"
"""The label of the keys that encrypt interactions (EncryptionKeys.derive)."""

MAX_ENCRYPTED: Final = 48 * 1024
"""The maximum bytes of the value: the largest request has about 28 kB when encrypted; a form may have 64 KiB."""


class ConsentDecision(StrEnum):
    """The user's decision on the consent page."""

    APPROVE = "approve"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Interaction:
    """One request in progress. The code is derived from `nonce`; `decision` is None until the user has decided.

    Times in seconds since 1970. `expires_at` is absolute: nothing extends it.
    """

    identifier: str
    browser_hash: str
    nonce: str
    started_at: float
    request: AuthorizationRequest
    expires_at: int
    client_hash: str
    """`client_hash` of the client for which the request was accepted."""
    decision: ConsentDecision | None = None

    def accepts_age_of(self, session: Session) -> bool:
        """Whether the sign-in is as recent as the request demands; its age counts until the request."""
        max_age = self.request.max_age
        return max_age is None or session.authenticated_at >= self.started_at - max_age

    def accepts_user_of(self, session: Session) -> bool:
        """Whether the request accepts this user: it may demand one."""
        return self.request.subject in {None, session.subject}

    def to_json(self) -> bytes:
        """The stored form, without the decision, which has a record of its own."""
        members = asdict(self)
        del members["decision"]
        return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, text: str | bytes) -> Interaction:
        """Read the stored form. Raises ValueError, KeyError or TypeError for that of another version."""
        members = json.loads(text)
        request = members.pop("request")
        request["scopes"] = tuple(request["scopes"])
        return cls(**members, request=AuthorizationRequest(**request))


class InteractionEncryption:
    """Encrypts an interaction into a value that a form carries: a compact JWE (RFC 7516), `dir` with A256GCM.

    The browser can neither read nor change it. Its keys are derived from AUTH_KEY_ENCRYPTION_KEY for this purpose only:
    the first encrypts, all decrypt, so that a rotation of the secret breaks no page that is open.

    The value is never put into a cookie, where values of abandoned requests would pile up until every request is too
    large, nor into a URL. It is no credential: only the browser to which it is bound can use it, and a decision is
    recorded once however often the value is presented (record_consent.lua).
    """

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


def client_hash(client: Client) -> str:
    """The hash of the metadata on which checks and decision rest; keys and secrets, which may change, are left out."""
    facts = (client.kind, client.redirect_uris, client.client_name, sorted(client.grant_types), client.scope)
    return digest(json.dumps(facts))


def expired(reason: str, *, error_id: str) -> PageError:
    """The error for an interaction that cannot continue."""
    return PageError(
        reason,
        error_id=error_id,
        title=message("This page has expired"),
        public=message("It was open for too long, or it was opened in another browser."),
        hint=message("Go back to your app and connect again."),
    )
