"""The forms of the account page that link and unlink identities (invariant 13).

Each form demands that the user signed in here within the last minutes: a session that was left open can neither add an
identity nor remove one. For linking, the provider demands the same of its side.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from auth_service.authorization.provider_redirects import LINK_MAX_AGE, Beginning, RequestTooLarge
from auth_service.federation.accounts import LastWayToSignIn
from auth_service.federation.provider import ProviderUnavailable, Purpose
from auth_service.pages.account_views import AccountNotice
from auth_service.pages.views import ProviderRedirectView
from auth_service.protocol.errors import TooManyRequests
from shared.http.request_middleware import LOG_FIELDS

if TYPE_CHECKING:
    from aiohttp import web

    from auth_service.account.page import AccountPage, PostedForm
    from auth_service.authorization.provider_redirects import ProviderRedirects
    from auth_service.federation.accounts import AccountService
    from auth_service.federation.identity_providers import IdentityProviders
    from auth_service.pages.renderer import Pages
    from auth_service.sessions.manager import SessionManager
    from auth_service.sessions.repository import Session


class LinkEndpoint:
    """POST /account/link: sends the browser to the provider, whose callback links (sign_in/provider_endpoint.py)."""

    def __init__(
        self,
        *,
        page: AccountPage,
        pages: Pages,
        providers: IdentityProviders,
        redirects: ProviderRedirects,
        clock: Callable[[], float],
    ) -> None:
        self._page = page
        self._pages = pages
        self._providers = providers
        self._redirects = redirects
        self._clock = clock

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """The page that navigates to the provider, or a redirect to the account page or the sign-in form."""
        posted = await self._page.read_form(request)
        if posted is None:
            return self._page.to_sign_in()
        if not is_recent(posted.session, now=self._clock()):
            return self._page.to_page(posted.browser, AccountNotice.SIGN_IN_AGAIN)
        entry = self._providers.find(posted.form.get("provider") or "")
        if entry is None:
            return self._page.to_page(posted.browser)
        try:
            location = await self._redirects.begin(request, entry, _beginning(posted))
        except (ProviderUnavailable, TooManyRequests, RequestTooLarge) as exc:
            request[LOG_FIELDS].update(error_id=exc.error_id, reason=exc.reason)
            away = isinstance(exc, ProviderUnavailable)
            return self._page.to_page(
                posted.browser, AccountNotice.PROVIDER_UNAVAILABLE if away else AccountNotice.TOO_MANY
            )
        return self._pages.to_provider(ProviderRedirectView(location, entry.display_name))


class UnlinkEndpoint:
    """POST /account/unlink."""

    def __init__(
        self,
        *,
        page: AccountPage,
        sessions: SessionManager,
        accounts: AccountService,
        clock: Callable[[], float],
    ) -> None:
        self._page = page
        self._sessions = sessions
        self._accounts = accounts
        self._clock = clock

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Remove an identity, unless no other way to sign in is left; sign out every browser but this one.

        A browser that signed in by the identity must not stay signed in, this one included.
        """
        posted = await self._page.read_form(request)
        if posted is None:
            return self._page.to_sign_in()
        key = posted.form.get("identity") or ""
        notice = await self._unlink(request, posted, key)
        response = self._page.to_page(posted.browser, notice)
        if notice is not AccountNotice.IDENTITY_UNLINKED:
            return response
        session = posted.session
        await self._sessions.sign_out_everywhere(response, session)
        stays = session.identity != key and await self._sessions.sign_in(
            request,
            response,
            subject=session.subject,
            username=session.username,
            identity=session.identity,
            authenticated_at=session.authenticated_at,
        )
        return response if stays else self._page.to_sign_in()

    async def _unlink(self, request: web.Request, posted: PostedForm, key: str) -> AccountNotice:
        if not is_recent(posted.session, now=self._clock()):
            return AccountNotice.SIGN_IN_AGAIN
        try:
            unlinked = await self._accounts.unlink(posted.session.subject, key)
        except LastWayToSignIn as exc:
            request[LOG_FIELDS].update(error_id=exc.error_id, reason=exc.reason)
            return AccountNotice.LAST_WAY
        return AccountNotice.IDENTITY_UNLINKED if unlinked else AccountNotice.NONE


def is_recent(session: Session, *, now: float) -> bool:
    """Whether the user signed in recently enough to link and unlink identities."""
    return session.authenticated_at >= now - LINK_MAX_AGE


def _beginning(posted: PostedForm) -> Beginning:
    return Beginning(
        browser=posted.browser,
        purpose=Purpose.LINK,
        subject=posted.session.subject,
    )
