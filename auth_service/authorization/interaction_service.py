"""Begins and finds interactions, encrypted or stored, and finds the client of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from auth_service.authorization.interaction import Interaction, client_hash, expired
from auth_service.protocol.errors import PageError
from auth_service.protocol.opaque import new_identifier
from auth_service.status_lists.identifiers import is_identifier
from auth_service.texts import message

if TYPE_CHECKING:
    from auth_service.authorization.interaction import InteractionEncryption
    from auth_service.authorization.interaction_repository import InteractionRepository
    from auth_service.authorization.request import AuthorizationRequest
    from auth_service.clients.client import Client, ClientUse
    from auth_service.resources.catalogue import ResourceCatalogue
    from auth_service.sessions.cookies import Browser
    from auth_service.status_lists.published_lists import PublishedStatusLists


@dataclass(frozen=True, slots=True)
class InteractionRecords:
    """The two forms in which an interaction is kept between requests: stored in Redis, or encrypted in the page."""

    repository: InteractionRepository
    encryption: InteractionEncryption


@dataclass(frozen=True, slots=True)
class InteractionService:
    """Begins and finds interactions, with the look-up of their clients and resources."""

    records: InteractionRecords
    lists: PublishedStatusLists
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
        interaction = decrypted = self.records.encryption.decrypt(unverified_transaction)
        if decrypted is None and is_identifier(unverified_transaction):
            interaction = await self.records.repository.find(unverified_transaction)
        if interaction is None:
            raise expired("no such interaction, or it expired", error_id="interaction_known")
        if interaction.browser_hash != browser.secret_hash:
            raise expired("the interaction belongs to another browser", error_id="interaction_browser")
        if self.clock() >= interaction.expires_at:
            raise expired("the interaction expired", error_id="interaction_known")
        if decrypted is None:
            return interaction
        return replace(decrypted, decision=await self.records.repository.find_decision(decrypted.identifier))

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
