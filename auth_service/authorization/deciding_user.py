"""The user who decides about an interaction, and which of the requested scopes this user may have."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from auth_service.federation.identity_review import IdentityRefused, IdentityTooOld
from auth_service.http.error_responses import ErrorWithPage
from auth_service.resources.catalogue import OFFLINE_ACCESS
from auth_service.resources.choice import Choice, choose, declared_required, leaves_nothing, required_scopes
from auth_service.resources.user_access import scopes_of
from auth_service.texts import Text, message
from shared.errors import ServiceUnavailable

if TYPE_CHECKING:
    from aiohttp import web

    from auth_service.authorization.interaction import Interaction
    from auth_service.authorization.interaction_pages import InteractionPages
    from auth_service.federation.identity import Identity
    from auth_service.federation.identity_review import IdentityReview
    from auth_service.protocol.parameters import Parameters
    from auth_service.resources.catalogue import ProtectedResource, ResourceCatalogue
    from auth_service.sessions.cookies import Browser
    from auth_service.sessions.manager import SessionManager
    from auth_service.sessions.repository import Session


@dataclass(frozen=True, slots=True)
class DecidingUser:
    """A signed-in user, and what this user may grant of a request."""

    session: Session
    identity: Identity | None
    """By which the user signed in; None after a password."""
    resource: ProtectedResource
    scopes: tuple[str, ...]
    unavailable: tuple[str, ...]
    """Of the requested scopes those that the user may not have."""

    def csrf_purpose(self, interaction: Interaction) -> str:
        """A CSRF value of the consent page is valid for one interaction, one session, and the choice that it offers.

        After a sign-in as another user in a second tab, the page of the first user cannot be submitted; an attacker who
        planted the browser cookie does not know the session's token; scopes that the user may have only now are not
        approved by a page that did not show them; and what is required only now is not added to what the user left
        ticked.
        """
        offered = (self.scopes, required_scopes(self.resource, self.scopes), self.resource.required_claims)
        return f"{interaction.identifier}.{self.session.token_hash}." + "\n".join(map(" ".join, offered))

    def choice(self, form: Parameters) -> Choice:
        """What the form leaves of the scopes and claims that this user may grant (invariant 15)."""
        return choose(
            self.resource,
            self.scopes,
            unverified_scopes=form.all("scope"),
            unverified_claims=form.all("claim"),
        )

    def leaves_nothing(self, choice: Choice) -> bool:
        """Whether the client could do nothing at the resource."""
        return leaves_nothing(self.resource, self.scopes, choice)


@dataclass(frozen=True, slots=True)
class UserRefusal:
    """Why a user cannot decide about a request: for the log, for the client, and for the page."""

    reason: str
    error_id: str
    code: str
    description: str
    """For the client, in technical English."""
    title: Text
    message: Text
    hint: Text
    shows_scopes: bool = False


class DecidingUsers:
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
        """The user who may decide; None if a sign-in is needed. Raises as `read`."""
        session = await self.sessions.current(request)
        if session is None or not interaction.accepts_age_of(session):
            return None
        return await self.read(session, browser, transaction, interaction)

    async def read(
        self, session: Session, browser: Browser, transaction: str, interaction: Interaction
    ) -> DecidingUser | None:
        """The user of a session; None if the identity by which the session began is not let in any more.

        Raises ErrorWithPage for another user than the client asked for, and for one who may have nothing of the
        request, or not all that the resource requires; ServiceUnavailable. The client is told by a click only: another
        user may sign in, and decide.
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
        refusal = _refusal(user, interaction)
        if refusal is None:
            return user
        raise ErrorWithPage(
            refusal.reason,
            error_id=refusal.error_id,
            code=refusal.code,
            public=refusal.description,
            page=partial(self._pages.user_refused, browser, transaction, interaction, user, refusal),
        )


def _refusal(user: DecidingUser, interaction: Interaction) -> UserRefusal | None:
    if not interaction.accepts_user_of(user.session):
        return UserRefusal(
            reason="the user that signed in is not the one that id_token_hint names",
            error_id="hinted_user",
            code="login_required",
            description="The user that signed in is not the one that id_token_hint names.",
            title=message("This app expects another account"),
            message=message("The app was connected with another account before."),
            hint=message("Use that account. To connect this one, remove the connection in the app and add it again."),
        )
    if user.unavailable and not any(s != OFFLINE_ACCESS for s in user.scopes):
        return UserRefusal(
            reason=f"the user may have none of the requested scopes: {' '.join(user.unavailable)}",
            error_id="user_scopes",
            code="access_denied",
            description="The user may have none of the requested scopes.",
            title=message("Your account can't use this"),
            message=message("The app asks for access that your account doesn't have:"),
            hint=message("Your administrator decides who gets this access."),
            shows_scopes=True,
        )
    missing = declared_required(user.resource, user.unavailable)
    if missing:
        return UserRefusal(
            reason=f"the user may not have what the resource requires: {' '.join(missing)}",
            error_id="user_required_scopes",
            code="access_denied",
            description="The user may not have a scope that the resource requires.",
            title=message("Your account can't use this"),
            message=message("The app needs access that your account doesn't have:"),
            hint=message("Your administrator decides who gets this access."),
            shows_scopes=True,
        )
    return None
