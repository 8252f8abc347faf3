"""An interaction: the state of one authorization request until the user decides, bound to one browser.

The first page of a request carries the interaction encrypted (encrypted_interaction.py), and nothing is stored.
After a sign-in it is stored, and the consent page carries its identifier. The identifier becomes the grant's identifier
when the user approves, so that recording consent and creating the grant are one atomic step in one slot of Redis
(invariant 3).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from auth_service.authorization.request import AuthorizationRequest
from auth_service.protocol.errors import PageError
from auth_service.protocol.opaque import digest, new_identifier
from auth_service.status_lists.identifiers import is_identifier
from auth_service.texts import message

if TYPE_CHECKING:
    from auth_service.authorization.encrypted_interaction import InteractionEncryption
    from auth_service.authorization.interaction_repository import InteractionRepository
    from auth_service.clients.client import Client, ClientUse
    from auth_service.resources.catalogue import ResourceCatalogue
    from auth_service.sessions.cookies import Browser
    from auth_service.sessions.repository import Session
    from auth_service.status_lists.board import StatusListBoard


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


@dataclass(frozen=True, slots=True)
class Interactions:
    """Interactions, encrypted or stored, with the look-up of their clients and resources."""

    repository: InteractionRepository
    encryption: InteractionEncryption
    lists: StatusListBoard
    clients: ClientUse
    resources: ResourceCatalogue
    lifetime_seconds: int
    clock: Callable[[], float]

    def begin(self, browser: Browser, client: Client, accepted: AuthorizationRequest) -> Interaction:
        """A new interaction, which is stored nowhere. Raises ServiceUnavailable."""
        now = self.clock()
        return Interaction(
            identifier=self.lists.new_identifier(),
            browser_hash=browser.secret_hash,
            nonce=new_identifier(),
            started_at=now,
            request=accepted,
            expires_at=int(now) + self.lifetime_seconds,
            client_hash=client_hash(client),
        )

    async def find(self, browser: Browser, unverified_transaction: str) -> Interaction:
        """The interaction of a form or a URL: an encrypted value, or the identifier of a stored one.

        Raises PageError, RedisUnavailable. The response for another browser's interaction is that for an unknown one
        (RFC 9700 section 4.7).
        """
        interaction = decrypted = self.encryption.decrypt(unverified_transaction)
        if decrypted is None and is_identifier(unverified_transaction):
            interaction = await self.repository.find(unverified_transaction)
        if interaction is None:
            raise expired("no such interaction, or it expired", error_id="interaction_known")
        if interaction.browser_hash != browser.secret_hash:
            raise expired("the interaction belongs to another browser", error_id="interaction_browser")
        if self.clock() >= interaction.expires_at:
            raise expired("the interaction expired", error_id="interaction_known")
        if decrypted is None:
            return interaction
        return replace(decrypted, decision=await self.repository.find_decision(decrypted.identifier))

    async def client_of(self, interaction: Interaction) -> Client:
        """The client, unchanged since the request was accepted.

        The user must not see other facts than those that were checked, and the redirect URI of the request may no
        longer be the client's. Raises UnknownClient, PageError; RedisUnavailable or another ServiceUnavailable.
        """
        client = await self.clients.find(interaction.request.client_id)
        if client_hash(client) != interaction.client_hash:
            raise PageError(
                "the client's metadata changed after the authorization request",
                error_id="client_changed",
                title=message("This app has changed"),
                public=message("The app changed its details while you were deciding. It got no access."),
                hint=message("Go back to your app and connect again."),
            )
        return client


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
