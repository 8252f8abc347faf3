"""An interaction: the state of one authorization request until the user decides, bound to one browser.

The first page of a request carries the interaction encrypted (encrypted_interaction.py), and nothing is stored.
After a sign-in it is stored, and the consent page carries its identifier. The identifier becomes the grant's identifier
when the user approves, so that recording consent and creating the grant are one atomic step in one slot of Redis
(invariant 3). Pure.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from auth_service.authorization.request import AuthorizationRequest
from auth_service.protocol.errors import PageError
from auth_service.protocol.opaque import digest
from auth_service.texts import message

if TYPE_CHECKING:
    from auth_service.clients.client import Client
    from auth_service.sessions.repository import Session


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
        """Whether the user signed in as late as the request demands; its age counts until the request."""
        max_age = self.request.max_age
        return max_age is None or session.authenticated_at >= self.started_at - max_age

    def accepts_user_of(self, session: Session) -> bool:
        """Whether the user is the one that the request demands, if any."""
        return self.request.subject in {None, session.subject}

    def to_json(self) -> bytes:
        """Without the decision, which has a record of its own."""
        members = asdict(self)
        del members["decision"]
        return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, text: str | bytes) -> Interaction:
        """Raises ValueError, KeyError or TypeError for the text of another version of this service."""
        members = json.loads(text)
        request = members.pop("request")
        request["scopes"] = tuple(request["scopes"])
        return cls(**members, request=AuthorizationRequest(**request))


def client_hash(client: Client) -> str:
    """Identifies the metadata on which the checks and the user's decision rest. Keys and secrets may change."""
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
