"""Finds the signed-in user of a browser, if the user may decide about an interaction."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from auth_service.authorization.deciding_user import DecidingUser, rejection_of
from auth_service.federation.identity_review import IdentityRefused, IdentityTooOld
from auth_service.http.error_responses import ErrorWithPage
from auth_service.resources.user_access import scopes_of
from shared.errors import ServiceUnavailable

if TYPE_CHECKING:
    from aiohttp import web

    from auth_service.authorization.interaction import Interaction
    from auth_service.authorization.interaction_pages import InteractionPages
    from auth_service.federation.identity_review import IdentityReview
    from auth_service.resources.catalogue import ResourceCatalogue
    from auth_service.sessions.cookies import Browser
    from auth_service.sessions.manager import SessionManager
    from auth_service.sessions.repository import Session


class UserResolver:
    """Finds the user of a browser, as rules and requirements are today (invariants 13 and 15)."""

    def __init__(
        self,
        *,
        sessions: SessionManager,
        identities: IdentityReview,
        resources: ResourceCatalogue,
        pages: InteractionPages,
    ) -> None:
        self.sessions = sessions
        self._identities = identities
        self._resources = resources
        self._pages = pages

    async def current(
        self, request: web.Request, browser: Browser, transaction: str, interaction: Interaction
    ) -> DecidingUser | None:
        """The user that may decide; None if a sign-in is needed. Raises the errors of `read`."""
        session = await self.sessions.current(request)
        if session is None or not interaction.accepts_age_of(session):
            return None
        return await self.read(session, browser, transaction, interaction)

    async def read(
        self, session: Session, browser: Browser, transaction: str, interaction: Interaction
    ) -> DecidingUser | None:
        """The user of a session; None if the identity by which the session began is not let in any more.

        Raises ErrorWithPage for another user than the client asked for, and for one that may have no scope of the
        request, or not all that the resource requires; ServiceUnavailable. The error is not redirected to the client
        without a click, because another user may sign in and decide.
        """
        requested = interaction.request
        resource = self._resources.find(requested.resource)
        if resource is None:
            raise ServiceUnavailable(
                f"the resource {requested.resource} is configured in another replica only",
                error_id="resource_configured",
            )
        try:
            key = session.identity
            identity = await self._identities.identity(session.subject, key) if key else None
        except (IdentityRefused, IdentityTooOld):
            return None
        scopes = scopes_of(resource, requested.scopes, identity)
        unavailable = tuple(s for s in requested.scopes if s not in scopes)
        user = DecidingUser(session, identity, resource, scopes, unavailable)
        rejection = rejection_of(user, interaction)
        if rejection is None:
            return user
        raise ErrorWithPage(
            rejection.reason,
            error_id=rejection.error_id,
            code=rejection.code,
            public=rejection.description,
            page=partial(self._pages.user_refused, browser, transaction, interaction, user, rejection),
        )
