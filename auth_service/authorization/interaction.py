"""An interaction: the stored state of one authorization request until the user decides, bound to one browser.

Its identifier becomes the grant's identifier when the user approves, so that recording consent and creating the grant
are one atomic step in one slot of Redis (invariant 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from auth_service.protocol.errors import PageError
from shared.jose import base64url

if TYPE_CHECKING:
    from auth_service.authorization.interaction_repository import InteractionRepository
    from auth_service.authorization.request import AuthorizationRequest
    from auth_service.clients.client import ClientUse
    from auth_service.resources.catalogue import ResourceCatalogue
    from auth_service.sessions.cookies import Browser


class ConsentDecision(StrEnum):
    """The user's decision on the consent page."""

    APPROVE = "approve"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Interaction:
    """One request in progress. The code is derived from `nonce`; `decision` is None until the user has decided."""

    identifier: str
    browser_hash: str
    nonce: str
    started_at: int
    """Seconds since 1970."""
    request: AuthorizationRequest
    decision: ConsentDecision | None = None


@dataclass(frozen=True, slots=True)
class Interactions:
    """The repository of interactions, with the look-up of their clients and resources."""

    repository: InteractionRepository
    clients: ClientUse
    resources: ResourceCatalogue

    async def find(self, browser: Browser, unverified_transaction: str) -> Interaction:
        """The interaction of a form or a URL. Raises PageError, RedisUnavailable.

        The response for another browser's interaction is that for an unknown one (RFC 9700 section 4.7).
        """
        try:
            well_formed = len(base64url.decode(unverified_transaction)) == 16
        except ValueError:
            well_formed = False
        interaction = await self.repository.find(unverified_transaction) if well_formed else None
        if interaction is None:
            raise expired("no such interaction, or it expired", error_id="interaction_known")
        if interaction.browser_hash != browser.secret_hash:
            raise expired("the interaction belongs to another browser", error_id="interaction_browser")
        return interaction


def expired(reason: str, *, error_id: str) -> PageError:
    """The error for an interaction that cannot continue."""
    return PageError(
        reason,
        error_id=error_id,
        title="This page is no longer current",
        public="The request took too long, or was opened in another browser.",
        hint="Go back to your application and connect again.",
    )
