"""The answer to an accepted authorization request: the consent page, the sign-in page, or a redirect to a provider.

Where one provider is the only way to sign in, there is nothing to choose: the browser goes straight on. That is the one
case in which something is stored before the browser has posted a form; its size and number are bounded, and beyond the
bounds there is a page with a button.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from auth_service.authorization.provider_redirects import Beginning, RequestTooLarge
from auth_service.federation.provider import ProviderUnavailable
from auth_service.http.messages import NO_STORE
from auth_service.protocol.errors import TooManyRequests
from shared.http.request_middleware import LOG_FIELDS, REQUEST_ID

if TYPE_CHECKING:
    from auth_service.authorization.interaction import Interaction
    from auth_service.authorization.interaction_pages import InteractionPages
    from auth_service.authorization.interaction_service import InteractionService
    from auth_service.authorization.provider_redirects import ProviderRedirects
    from auth_service.authorization.user_resolver import UserResolver
    from auth_service.federation.identity_providers import ConfiguredProvider, IdentityProviders
    from auth_service.sessions.cookies import Browser
    from auth_service.sessions.manager import SessionManager
    from auth_service.sessions.repository import Session


class FirstPage:
    """Answers the authorization endpoint."""

    def __init__(
        self,
        *,
        interactions: InteractionService,
        pages: InteractionPages,
        sessions: SessionManager,
        providers: IdentityProviders,
        redirects: ProviderRedirects,
        users: UserResolver,
    ) -> None:
        self._interactions = interactions
        self._pages = pages
        self._sessions = sessions
        self._providers = providers
        self._redirects = redirects
        self._users = users

    async def respond(
        self,
        request: web.Request,
        browser: Browser,
        interaction: Interaction,
        session: Session | None,
        *,
        choose_account: bool,
    ) -> web.Response:
        """The response. `choose_account`: the client asked that the user may choose another account."""
        transaction = self._interactions.records.encryption.encrypt(interaction)
        user = None if session is None else await self._users.read(session, browser, transaction, interaction)
        if user is not None:
            response = await self._pages.consent(browser, transaction, interaction, user)
        elif self._providers.only is not None:
            beginning = Beginning(
                browser=browser,
                transaction=transaction,
                interaction=interaction,
                choose_account=choose_account,
                asked=False,
            )
            response = await self._straight_on(request, self._providers.only, beginning)
        else:
            response = await self._pages.sign_in(browser, transaction, interaction, choose_account=choose_account)
        self._sessions.remember_browser(response, browser)
        return response

    async def _straight_on(self, request: web.Request, entry: ConfiguredProvider, beginning: Beginning) -> web.Response:
        try:
            location = await self._redirects.begin(request, entry, beginning)
        except (TooManyRequests, RequestTooLarge) as exc:
            request[LOG_FIELDS].update(error_id=exc.error_id, reason=exc.reason)
            return await self._pages.sign_in(
                beginning.browser,
                beginning.transaction,
                beginning.interaction,
                choose_account=beginning.choose_account,
            )
        except ProviderUnavailable as exc:
            request[LOG_FIELDS].update(error_id=exc.error_id, reason=exc.reason)
            return await self._pages.provider_unavailable(
                beginning.browser,
                beginning.transaction,
                beginning.interaction,
                entry,
                exc,
                request_id=request[REQUEST_ID],
            )
        return web.Response(status=303, headers={"Location": location, "Referrer-Policy": "no-referrer", **NO_STORE})
