"""The identities of a user on the account page, and the forms that link and unlink them (invariant 13).

Each form demands that the user signed in here within the last minutes: a session that was left open can neither add an
identity nor remove one. For linking, the provider demands the same of its side.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from auth_service.authorization.provider_redirects import LINK_MAX_AGE, Beginning, RequestTooLarge
from auth_service.federation.account_profile import identity_label
from auth_service.federation.accounts import LastWayToSignIn
from auth_service.federation.provider import ProviderUnavailable, Purpose
from auth_service.pages.account_views import AccountNotice, IdentitiesView, LinkedIdentityView
from auth_service.pages.views import ProviderButton, ProviderRedirectView
from auth_service.protocol.errors import TooManyRequests
from shared.http.request_middleware import LOG_FIELDS

if TYPE_CHECKING:
    from aiohttp import web

    from auth_service.account.page import AccountPage, Visit
    from auth_service.authorization.provider_redirects import ProviderRedirects
    from auth_service.federation.accounts import AccountDirectory
    from auth_service.federation.identity_providers import IdentityProviders
    from auth_service.pages.renderer import Pages
    from auth_service.sessions.manager import SessionManager
    from auth_service.sessions.repository import Session
    from auth_service.users.service import UserService


class IdentityList:
    """What the account page shows."""

    def __init__(self, *, accounts: AccountDirectory, providers: IdentityProviders, users: UserService) -> None:
        self._accounts = accounts
        self._providers = providers
        self._users = users

    async def of(self, session: Session) -> IdentitiesView:
        """The user's identities, in the order in which they were linked. Raises RedisUnavailable."""
        user = await self._users.find(session.subject)
        has_password = user is not None and user.has_password and self._providers.passwords
        known = await self._accounts.identities_of(session.subject)
        usable = {entry.identity.key for entry in known if self._accounts.can_sign_in(entry.identity)}
        return IdentitiesView(
            linked=tuple(
                LinkedIdentityView(
                    key=entry.identity.key,
                    provider_name=self._provider_name(entry.identity.provider),
                    account_name=identity_label(entry.identity),
                    linked_at=entry.linked_at,
                    is_current=entry.identity.key == session.identity,
                    removable=has_password or bool(usable - {entry.identity.key}),
                )
                for entry in known
            ),
            providers=tuple(
                ProviderButton(
                    entry.id,
                    entry.display_name,
                    available=entry.provider.is_available,
                    rejects_client=entry.provider.rejects_client,
                )
                for entry in self._providers.entries
            ),
            has_password=has_password,
        )

    def _provider_name(self, provider_id: str) -> str:
        entry = self._providers.find(provider_id)
        return entry.display_name if entry else provider_id


class LinkEndpoint:
    """POST /account/link: leads to the provider; its callback links (sign_in/provider_endpoint.py)."""

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
        visit = await self._page.visit(request)
        if visit is None:
            return self._page.to_sign_in()
        if not is_recent(visit.session, now=self._clock()):
            return self._page.to_page(visit.browser, AccountNotice.SIGN_IN_AGAIN)
        entry = self._providers.find(visit.form.get("provider") or "")
        if entry is None:
            return self._page.to_page(visit.browser)
        try:
            location = await self._redirects.begin(request, entry, _beginning(visit))
        except (ProviderUnavailable, TooManyRequests, RequestTooLarge) as exc:
            request[LOG_FIELDS].update(error_id=exc.error_id, reason=exc.reason)
            away = isinstance(exc, ProviderUnavailable)
            return self._page.to_page(
                visit.browser, AccountNotice.PROVIDER_UNAVAILABLE if away else AccountNotice.TOO_MANY
            )
        return self._pages.to_provider(ProviderRedirectView(location, entry.display_name))


class UnlinkEndpoint:
    """POST /account/unlink."""

    def __init__(
        self,
        *,
        page: AccountPage,
        sessions: SessionManager,
        accounts: AccountDirectory,
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
        visit = await self._page.visit(request)
        if visit is None:
            return self._page.to_sign_in()
        key = visit.form.get("identity") or ""
        notice = await self._unlink(request, visit, key)
        response = self._page.to_page(visit.browser, notice)
        if notice is not AccountNotice.IDENTITY_UNLINKED:
            return response
        session = visit.session
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

    async def _unlink(self, request: web.Request, visit: Visit, key: str) -> AccountNotice:
        if not is_recent(visit.session, now=self._clock()):
            return AccountNotice.SIGN_IN_AGAIN
        try:
            unlinked = await self._accounts.unlink(visit.session.subject, key)
        except LastWayToSignIn as exc:
            request[LOG_FIELDS].update(error_id=exc.error_id, reason=exc.reason)
            return AccountNotice.LAST_WAY
        return AccountNotice.IDENTITY_UNLINKED if unlinked else AccountNotice.NONE


def is_recent(session: Session, *, now: float) -> bool:
    """Whether the user signed in so lately that identities may be linked and unlinked."""
    return session.authenticated_at >= now - LINK_MAX_AGE


def _beginning(visit: Visit) -> Beginning:
    return Beginning(
        browser=visit.browser,
        purpose=Purpose.LINK,
        subject=visit.session.subject,
    )
