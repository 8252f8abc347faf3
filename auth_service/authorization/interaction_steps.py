"""What every step of an interaction checks first: that it exists, and that it belongs to this browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auth_service.protocol.errors import PageError
from auth_service.protocol.opaque import decode

if TYPE_CHECKING:
    from auth_service.authorization.interaction import Interaction
    from auth_service.authorization.interaction_repository import InteractionRepository
    from auth_service.sessions.cookies import Browser


async def find_interaction(
    interactions: InteractionRepository, browser: Browser, unverified_transaction: str
) -> Interaction:
    """The interaction that a form or address names. Raises PageError, RedisUnavailable.

    An interaction of another browser is answered like one that never was (RFC 9700 section 4.7).
    """
    try:
        known_form = len(decode(unverified_transaction)) == 16
    except ValueError:
        known_form = False
    interaction = await interactions.find(unverified_transaction) if known_form else None
    if interaction is None:
        raise _gone("no such interaction, or it expired", error_id="interaction_known")
    if interaction.browser_hash != browser.secret_hash:
        raise _gone("the interaction belongs to another browser", error_id="interaction_browser")
    return interaction


def _gone(reason: str, *, error_id: str) -> PageError:
    return PageError(
        reason,
        error_id=error_id,
        title="This page is no longer current",
        public="The request took too long, or was opened in another browser.",
        hint="Go back to your application and connect again.",
    )
