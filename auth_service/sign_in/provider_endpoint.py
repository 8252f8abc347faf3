"""The callback address of each identity provider.

GET /sign-in/callback/{provider} takes a response in the query, or one that was posted before, under its handle.
POST /sign-in/callback/{provider} only keeps what a page of another site posts (provider_callback.py).
Every continuation is an address of this server: nothing in a response leads the browser elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from auth_service.federation.accounts import AccountRefused
from auth_service.federation.provider import ClientRejected, ProviderUnavailable, Purpose, SignInRefused
from auth_service.pages.account_views import AccountNotice
from auth_service.sign_in.completion import see_other
from auth_service.texts import message
from shared.http.request_middleware import LOG_FIELDS, REQUEST_ID

if TYPE_CHECKING:
    from aiohttp import web

    from auth_service.authorization.interaction_pages import InteractionPages
    from auth_service.federation.accounts import AccountService
    from auth_service.federation.identity import Identity
    from auth_service.sessions.cookies import Browser
    from auth_service.sessions.manager import SessionManager
    from auth_service.sign_in.completion import SignInCompletion
    from auth_service.sign_in.provider_callback import CallbackResponse, ProviderCallback
    from auth_service.sign_in.provider_events import ProviderEvents

_LINK_NOTICES: Final = {
    "identity_taken": AccountNotice.IDENTITY_TAKEN,
    "identity_refused": AccountNotice.IDENTITY_REFUSED,
}


class ProviderEndpoint:
    """Signs in, or links, by the response of a provider."""

    def __init__(
        self,
        *,
        callback: ProviderCallback,
        pages: InteractionPages,
        sessions: SessionManager,
        completion: SignInCompletion,
        accounts: AccountService,
        events: ProviderEvents,
    ) -> None:
        self._callback = callback
        self._pages = pages
        self._sessions = sessions
        self._completion = completion
        self._accounts = accounts
        self._events = events

    async def receive(self, request: web.Request) -> web.StreamResponse:
        """POST: keep the response, and let the browser continue by GET, with its cookies."""
        return see_other(await self._callback.keep(request))

    async def show(self, request: web.Request) -> web.StreamResponse:
        """GET: consent or the account page; or the sign-in page again, with a notice."""
        browser = self._sessions.browser(request)
        response = await self._callback.accept(request, browser)
        request[LOG_FIELDS]["provider"] = response.entry.id
        try:
            identity = await response.entry.provider.identify(response.pending, response.parameters)
            if response.pending.purpose is Purpose.LINK:
                return await self._link(browser, response, identity)
            return await self._sign_in(request, response, identity)
        except (SignInRefused, ProviderUnavailable) as exc:
            self._events.failed(request, response.entry, exc)
            if response.pending.purpose is Purpose.LINK:
                return self._completion.to_account(browser, _link_notice(exc))
            return await self._sign_in_again(request, browser, response, exc)

    async def _sign_in(self, request: web.Request, response: CallbackResponse, identity: Identity) -> web.Response:
        user = await self._accounts.resolve(response.entry.configuration, identity)
        onward = await self._completion.leave(response.interaction)
        if not await self._completion.sign_in(request, onward, user, response.interaction, identity):
            raise AccountRefused("the user was suspended or removed meanwhile", error_id="user_active")
        self._events.signed_in(response.entry)
        return onward

    async def _link(self, browser: Browser, response: CallbackResponse, identity: Identity) -> web.Response:
        """Link the identity: the callback has checked that the user who began is signed in (invariant 13)."""
        await self._accounts.link(response.pending.subject, response.entry.configuration, identity)
        self._events.linked(response.entry)
        onward = self._completion.to_account(browser, AccountNotice.IDENTITY_LINKED)
        self._sessions.remember_provider(onward, response.entry.id)
        return onward

    async def _sign_in_again(
        self,
        request: web.Request,
        browser: Browser,
        response: CallbackResponse,
        error: SignInRefused | ProviderUnavailable,
    ) -> web.Response:
        transaction, interaction = response.pending.transaction, response.interaction
        if isinstance(error, ProviderUnavailable):
            return await self._pages.provider_unavailable(
                browser, transaction, interaction, response.entry, error, request_id=request[REQUEST_ID]
            )
        if error.cancelled:
            notice = message("You cancelled the sign-in with %(provider)s.", provider=response.entry.display_name)
            return await self._pages.sign_in(browser, transaction, interaction, notice=notice, choose_account=True)
        return await self._pages.sign_in(
            browser,
            transaction,
            interaction,
            notice=error.public,
            request_id=request[REQUEST_ID],
            choose_account=True,
            status=403,
        )


def _link_notice(error: SignInRefused | ProviderUnavailable) -> AccountNotice:
    if isinstance(error, ClientRejected):
        return AccountNotice.PROVIDER_REJECTS_CLIENT
    if isinstance(error, ProviderUnavailable):
        return AccountNotice.PROVIDER_UNAVAILABLE
    return AccountNotice.NONE if error.cancelled else _LINK_NOTICES.get(error.error_id, AccountNotice.NOT_LINKED)
