"""The user who decides about an interaction: the scopes to grant, and the reasons for a rejection. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auth_service.resources.catalogue import OFFLINE_ACCESS
from auth_service.resources.choice import Choice, choose, declared_required, leaves_nothing, required_scopes
from auth_service.texts import Text, message

if TYPE_CHECKING:
    from auth_service.authorization.interaction import Interaction
    from auth_service.federation.identity import Identity
    from auth_service.protocol.parameters import Parameters
    from auth_service.resources.catalogue import ProtectedResource
    from auth_service.sessions.repository import Session


@dataclass(frozen=True, slots=True)
class DecidingUser:
    """A signed-in user, and what this user may grant of a request."""

    session: Session
    identity: Identity | None
    """The identity by which the user signed in; None after a password."""
    resource: ProtectedResource
    scopes: tuple[str, ...]
    unavailable: tuple[str, ...]
    """The requested scopes that the user may not have."""

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
        """The scopes and claims that the user may grant and the form keeps (invariant 15)."""
        return choose(
            self.resource,
            self.scopes,
            unverified_scopes=form.all("scope"),
            unverified_claims=form.all("claim"),
        )

    def leaves_nothing(self, choice: Choice) -> bool:
        """Whether the choice leaves no scope of the resource, so that a token would allow nothing."""
        return leaves_nothing(self.resource, self.scopes, choice)


@dataclass(frozen=True, slots=True)
class UserRejection:
    """The reason for which a user cannot decide about a request: for the log, for the client, and for the page."""

    reason: str
    error_id: str
    code: str
    description: str
    """The `error_description` for the client, in technical English."""
    title: Text
    message: Text
    hint: Text
    shows_scopes: bool = False


def rejection_of(user: DecidingUser, interaction: Interaction) -> UserRejection | None:
    """Why the user cannot decide about the interaction; None if the user can."""
    if not interaction.accepts_user_of(user.session):
        return UserRejection(
            reason="the user that signed in is not the one that id_token_hint names",
            error_id="hinted_user",
            code="login_required",
            description="The user that signed in is not the one that id_token_hint names.",
            title=message("This app expects another account"),
            message=message("The app was connected with another account before."),
            hint=message("Use that account. To connect this one, remove the connection in the app and add it again."),
        )
    if user.unavailable and not any(s != OFFLINE_ACCESS for s in user.scopes):
        return UserRejection(
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
        return UserRejection(
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
