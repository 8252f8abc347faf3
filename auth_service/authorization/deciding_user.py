"""The user who decides about an interaction, and which of the requested scopes this user may have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auth_service.federation.identity_review import IdentityRefused, IdentityTooOld
from auth_service.protocol.errors import RedirectError
from auth_service.resources.catalogue import OFFLINE_ACCESS
from auth_service.resources.user_access import scopes_of
from shared.errors import ServiceUnavailable

if TYPE_CHECKING:
    from aiohttp import web

    from auth_service.authorization.interaction import Interaction
    from auth_service.federation.identity_review import IdentityReview
    from auth_service.resources.catalogue import ProtectedResource, ResourceCatalogue
    from auth_service.sessions.manager import SessionManager
    from auth_service.sessions.repository import Session


@dataclass(frozen=True, slots=True)
class DecidingUser:
    """A signed-in user, and what this user may grant of a request."""

    session: Session
    resource: ProtectedResource
    scopes: tuple[str, ...]
    unavailable: tuple[str, ...]
    """Of the requested scopes those that the user may not have."""

    def csrf_purpose(self, interaction: Interaction) -> str:
        """A CSRF value of the consent page is valid for one interaction, one session, and the scopes that it shows.

        After a sign-in as another user in a second tab, the page of the first user cannot be submitted; an attacker who
        planted the browser cookie does not know the session's token; and scopes that the user may have only now are not
        approved by a page that did not show them.
        """
        return f"{interaction.identifier}.{self.session.token_hash}.{' '.join(self.scopes)}"


class DecidingUsers:
    """Finds the user of a browser, as rules and requirements are today (invariants 13 and 15)."""

    def __init__(self, *, sessions: SessionManager, identities: IdentityReview, resources: ResourceCatalogue) -> None:
        self.sessions = sessions
        self._identities = identities
        self._resources = resources

    async def current(self, request: web.Request, interaction: Interaction) -> DecidingUser | None:
        """The user who may decide; None if a sign-in is needed.

        Raises RedirectError for another user than the client asked for, and as `read`. There is no redirect without a
        click: the user has just signed in, and learns here why that does not help.
        """
        session = await self.sessions.current(request)
        if session is None or not interaction.accepts_age_of(session):
            return None
        if not interaction.accepts_user_of(session):
            requested = interaction.request
            raise RedirectError(
                "the user that signed in is not the one that id_token_hint names",
                error_id="hinted_user",
                code="login_required",
                redirect_uri=requested.redirect_uri,
                state=requested.state,
                public="The application asked for another user than the one who signed in.",
                automatic=False,
                title="The application asked for another user",
                hint="Go back, and sign in as the user for whom the application was connected before.",
            )
        return await self.read(session, interaction)

    async def read(self, session: Session, interaction: Interaction) -> DecidingUser | None:
        """The user of a session; None if the identity by which the session began is not let in any more.

        Raises RedirectError if the user may have nothing of the request, ServiceUnavailable.
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
        if unavailable and not any(s != OFFLINE_ACCESS for s in scopes):
            raise RedirectError(
                f"the user may have none of the requested scopes: {' '.join(unavailable)}",
                error_id="user_scopes",
                code="access_denied",
                redirect_uri=requested.redirect_uri,
                state=requested.state,
                public="The account may not be given what the application asks for.",
                automatic=False,
                title="Not available to your account",
                hint="Sign in with another account, or ask the operator of this service for access.",
            )
        return DecidingUser(session, resource, scopes, unavailable)
