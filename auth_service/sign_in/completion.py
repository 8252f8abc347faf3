"""The end of a sign-in, by password or through a provider: the session, and consent or the account page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from auth_service.audit.events import AuditEvent
from auth_service.http.messages import NO_STORE
from auth_service.sessions.notices import with_notice
from shared.http.client_address import CLIENT_ADDRESS

if TYPE_CHECKING:
    from auth_service.audit.log import AuditLog
    from auth_service.authorization.interaction import Interaction
    from auth_service.authorization.interaction_service import InteractionService
    from auth_service.federation.identity import Identity
    from auth_service.http.urls import Urls
    from auth_service.pages.account_views import AccountNotice
    from auth_service.sessions.cookies import Browser
    from auth_service.sessions.manager import SessionManager
    from auth_service.users.user import User


class SignInCompletion:
    """Starts the session. Redirects to consent, which follows every sign-in (invariant 7), or to the account page."""

    def __init__(
        self, *, urls: Urls, sessions: SessionManager, interactions: InteractionService, audit: AuditLog
    ) -> None:
        self._urls = urls
        self._sessions = sessions
        self._interactions = interactions
        self._audit = audit

    async def leave(self, interaction: Interaction | None) -> web.Response:
        """Redirect to consent or the account page. Raises RedisUnavailable.

        Only now is an interaction stored: before, it would be stored for any client that asks.
        """
        if interaction is None:
            return see_other(self._urls.account)
        await self._interactions.records.repository.store(interaction)
        return see_other(self._urls.consent(interaction.identifier))

    def to_account(self, browser: Browser, notice: AccountNotice) -> web.Response:
        """Redirect to the account page, which shows the notice."""
        return see_other(with_notice(self._urls.account, browser, notice))

    async def sign_in(
        self,
        request: web.Request,
        response: web.Response,
        user: User,
        interaction: Interaction | None,
        identity: Identity | None = None,
    ) -> bool:
        """Start the session; False if the user was suspended or removed. Raises RedisUnavailable.

        After a password the sign-in is as late as the request that demanded it. A provider says when the user
        authenticated, and has refused what is too old for the request: what remains is the difference of the clocks.
        """
        after: float = 0
        if interaction is not None and (identity is None or interaction.request.max_age is not None):
            after = interaction.started_at - (0 if identity is None else interaction.request.max_age or 0)
        started = await self._sessions.sign_in(
            request,
            response,
            subject=user.subject,
            username=user.username,
            identity=identity.key if identity else "",
            authenticated_at=identity.authenticated_at if identity else None,
            after=after,
        )
        if not started:
            return False
        provider = identity.provider if identity else ""
        if provider:
            self._sessions.remember_provider(response, provider)
        self._audit.record(
            AuditEvent.USER_SIGNED_IN, user=user.subject, address=request[CLIENT_ADDRESS], provider=provider
        )
        return True


def see_other(location: str) -> web.Response:
    """A redirect by GET (303) without caching and without a Referer."""
    return web.Response(status=303, headers={"Location": location, "Referrer-Policy": "no-referrer", **NO_STORE})
