"""The forms that end access: of one application or of all, or by signing out browsers; and the issuer's own URL."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from aiohttp import web

from auth_service.audit.events import AuditEvent
from auth_service.grants.grant import GrantStatus
from auth_service.http.messages import NO_STORE
from auth_service.pages.account_views import AccountNotice, SignedOutView
from auth_service.status_lists.identifiers import is_identifier
from shared.http.static_page import StaticPage, opens_page

if TYPE_CHECKING:
    from auth_service.account.page import AccountPage, PostedForm
    from auth_service.audit.log import AuditLog
    from auth_service.grants.grant import Grant
    from auth_service.grants.repository import GrantRepository
    from auth_service.http.urls import Urls
    from auth_service.pages.renderer import Pages
    from auth_service.sessions.manager import SessionManager


class AccountEndpoint:
    """POST /account/end-access, /account/end-all-access, /account/sign-out and /account/sign-out-browser."""

    def __init__(
        self,
        *,
        page: AccountPage,
        pages: Pages,
        sessions: SessionManager,
        grants: GrantRepository,
        audit: AuditLog,
    ) -> None:
        self._page = page
        self._pages = pages
        self._sessions = sessions
        self._grants = grants
        self._audit = audit

    async def end_access(self, request: web.Request) -> web.StreamResponse:
        """POST: end one grant of the user. A grant that has ended, or that is another user's, is not changed."""
        posted = await self._page.read_form(request)
        if posted is None:
            return self._page.to_sign_in()
        grant = await self._own_grant(posted)
        if grant is None:
            return self._page.to_page(posted.browser)
        await self._end(grant)
        return self._page.to_page(posted.browser, AccountNotice.ACCESS_ENDED)

    async def end_all_access(self, request: web.Request) -> web.StreamResponse:
        """POST: end every grant of the user, one after the other."""
        posted = await self._page.read_form(request)
        if posted is None:
            return self._page.to_sign_in()
        await self._end_all(posted.session.subject)
        return self._page.to_page(posted.browser, AccountNotice.ALL_ACCESS_ENDED)

    async def sign_out(self, request: web.Request) -> web.StreamResponse:
        """POST: sign out here or everywhere; if requested, end the access of all applications first."""
        posted = await self._page.read_form(request)
        if posted is None:
            return self._page.to_sign_in()
        session = posted.session
        everywhere = posted.form.get("where") == "everywhere"
        ended = 0
        if everywhere and posted.form.get("applications") == "end":
            ended = await self._end_all(session.subject)
        response = self._pages.signed_out(SignedOutView(self._page.sign_in_address, everywhere, ended))
        if everywhere:
            await self._sessions.sign_out_everywhere(response, session)
        else:
            await self._sessions.sign_out(response, session)
        event = AuditEvent.USER_SIGNED_OUT_EVERYWHERE if everywhere else AuditEvent.USER_SIGNED_OUT
        self._audit.record(event, user=session.subject, username=session.username)
        return response

    async def sign_out_browser(self, request: web.Request) -> web.StreamResponse:
        """POST: end the session that the handle names, if it is another one of this user."""
        posted = await self._page.read_form(request)
        if posted is None:
            return self._page.to_sign_in()
        current = posted.session
        unverified_handle = (posted.form.get("session") or "").encode("utf-8", "replace")
        for session in await self._sessions.find_by_subject(current.subject):
            if hmac.compare_digest(session.handle.encode(), unverified_handle) and session.handle != current.handle:
                await self._sessions.end(session)
                self._audit.record(
                    AuditEvent.USER_SIGNED_OUT,
                    user=current.subject,
                    username=current.username,
                    reason="by the user, in another browser",
                )
                return self._page.to_page(posted.browser, AccountNotice.BROWSER_SIGNED_OUT)
        return self._page.to_page(posted.browser)

    async def _own_grant(self, posted: PostedForm) -> Grant | None:
        unverified_id = posted.form.get("grant") or ""
        grant = await self._grants.find(unverified_id) if is_identifier(unverified_id) else None
        return grant if grant is not None and grant.subject == posted.session.subject else None

    async def _end_all(self, subject: str) -> int:
        """End the grants of a user, also those whose code is not redeemed yet; return how many were live."""
        grants = await self._grants.find_open_by_subject(subject)
        for grant in grants:
            await self._end(grant)
        return sum(grant.status is GrantStatus.LIVE for grant in grants)

    async def _end(self, grant: Grant) -> None:
        if await self._grants.end(grant.grant_id, reason="ended_by_user"):
            self._audit.record(
                AuditEvent.GRANT_REVOKED,
                user=grant.subject,
                client=grant.client_id,
                grant=grant.grant_id,
                resource=grant.resource,
                reason="ended_by_user",
            )


class HomeEndpoint:
    """GET of the issuer's own URL: a page about this service for a browser, a redirect to /account for a program."""

    def __init__(self, *, page: StaticPage, urls: Urls) -> None:
        self._page = page
        self._account = urls.account

    async def show(self, request: web.Request) -> web.StreamResponse:
        """GET: the page, or the redirect."""
        if opens_page(request):
            return self._page.response()
        return web.Response(status=303, headers={"Location": self._account, **NO_STORE})
