"""/account: the person's page. Which applications hold access; end one; change the password; sign out.

Every step is a form of its own with the browser's CSRF value. What a step did is told on the page that it leads
back to, and only if this browser took the step: a link from elsewhere cannot make the page say it.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from aiohttp import web

from auth_service.audit.events import AuditEvent
from auth_service.endpoints.bodies import read_own_form
from auth_service.errors import TooManyRequests
from auth_service.pages.views import AccountNews, AccountView, SignedOutView
from auth_service.responses import NO_STORE
from auth_service.tokens.opaque import decode
from auth_service.users.directory import UnknownUser
from auth_service.users.password_rules import WeakPassword, check_new_password
from shared.http.client_address import CLIENT_ADDRESS

if TYPE_CHECKING:
    from auth_service.audit.log import AuditLog
    from auth_service.endpoints.application_list import ApplicationList
    from auth_service.grants.grant import Grant
    from auth_service.limits.sign_in_throttle import SignInThrottle
    from auth_service.pages.renderer import Pages
    from auth_service.protocol.form import Form
    from auth_service.sessions.browser import Browser, BrowserCookies
    from auth_service.sessions.session import Session
    from auth_service.sessions.sessions import Sessions
    from auth_service.storage.grants import GrantStore
    from auth_service.users.directory import UserDirectory
    from auth_service.users.user import User

_CSRF_PURPOSE = "account"


class AccountEndpoint:
    """The page and its steps. Without a session, each leads to the sign-in form."""

    def __init__(
        self,
        *,
        base_path: str,
        access_token_ttl_seconds: int,
        pages: Pages,
        cookies: BrowserCookies,
        sessions: Sessions,
        users: UserDirectory,
        throttle: SignInThrottle,
        grants: GrantStore,
        applications: ApplicationList,
        audit: AuditLog,
        now: Callable[[], float],
    ) -> None:
        self._address = f"{base_path}/account"
        self._sign_in_address = f"{base_path}/sign-in"
        self._access_token_minutes = -(-access_token_ttl_seconds // 60)
        self._pages = pages
        self._cookies = cookies
        self._sessions = sessions
        self._users = users
        self._throttle = throttle
        self._grants = grants
        self._applications = applications
        self._audit = audit
        self._now = now

    def routes(self) -> list[web.RouteDef]:
        """The page, and one address per step."""
        return [
            web.get(self._address, self.show, allow_head=False),
            web.post(f"{self._address}/end-access", self.end_access),
            web.post(f"{self._address}/password", self.change_password),
            web.post(f"{self._address}/sign-out", self.sign_out),
        ]

    async def show(self, request: web.Request) -> web.StreamResponse:
        """GET: the page."""
        session = await self._sessions.current(request)
        if session is None:
            return _see(self._sign_in_address)
        browser = self._cookies.browser(request)
        response = await self._page(browser, session, news=_news(request, browser))
        self._cookies.remember_browser(response, browser)
        return response

    async def end_access(self, request: web.Request) -> web.StreamResponse:
        """POST: end one grant of the person. One that ended already, or is somebody else's, is left as it is."""
        form, browser, session = await self._begin(request)
        if session is None:
            return _see(self._sign_in_address)
        grant = await self._own_grant(form, session)
        if grant is None:
            return _see(self._address)
        await self._end(grant)
        return self._see_news(browser, AccountNews.ACCESS_ENDED)

    async def change_password(  # noqa: PLR0911 - each way out is an answer of its own
        self, request: web.Request
    ) -> web.StreamResponse:
        """POST: change the password and sign out every other browser."""
        form, browser, session = await self._begin(request)
        if session is None:
            return _see(self._sign_in_address)
        new = form.get("new_password") or ""
        if not new or new != form.get("repeated_password"):
            return await self._page(browser, session, problem="The new password was not the same both times.")
        try:
            user = await self._confirm_password(request, form, browser, session)
        except TooManyRequests as exc:
            delayed = await self._page(browser, session, problem=exc.public, status=exc.status)
            delayed.headers.update(exc.headers)
            return delayed
        if user is None:
            return await self._page(browser, session, problem="The current password is not right.", status=403)
        try:
            check_new_password(new, username=user.username)
        except WeakPassword as exc:
            return await self._page(browser, session, problem=f"The new password is {exc}.")
        response = self._see_news(browser, AccountNews.PASSWORD_CHANGED)
        # Sessions end before, so that none survives if we fail half-way, and after, for what the old password
        # let in between.
        await self._sessions.sign_out_everywhere(response, session)
        try:
            await self._users.set_password(user, new)
        except UnknownUser:
            return _see(self._sign_in_address)
        await self._sessions.sign_out_everywhere(response, session)
        await self._sessions.sign_in(response, subject=user.subject, username=user.username)
        self._audit.record(AuditEvent.USER_PASSWORD_CHANGED, user=user.subject, username=user.username)
        return response

    async def _confirm_password(
        self, request: web.Request, form: Form, browser: Browser, session: Session
    ) -> User | None:
        """The session's user if the current password is right. Raises TooManyRequests when it was tried too often."""
        address = request[CLIENT_ADDRESS]
        attempt = await self._throttle.begin(session.username, browser_hash=browser.secret_hash, address=address)
        user = await self._users.authenticate(session.username, form.get("current_password") or "")
        if user is None or user.subject != session.subject:
            self._audit.record(AuditEvent.USER_SIGN_IN_FAILED, user=session.subject, address=address)
            return None
        await self._throttle.succeeded(attempt)
        return user

    async def sign_out(self, request: web.Request) -> web.StreamResponse:
        """POST: sign out here, or everywhere and, if asked, end the access of all applications first."""
        form, _, session = await self._begin(request)
        if session is None:
            return _see(self._sign_in_address)
        everywhere = form.get("where") == "everywhere"
        grants: list[Grant] = []
        if everywhere and form.get("applications") == "end":
            grants = await self._grants.find_by_subject(session.subject, now=self._now())
        for grant in grants:
            await self._end(grant)
        response = self._pages.signed_out(SignedOutView(self._sign_in_address, everywhere, len(grants)))
        if everywhere:
            await self._sessions.sign_out_everywhere(response, session)
        else:
            await self._sessions.sign_out(response, session)
        event = AuditEvent.USER_SIGNED_OUT_EVERYWHERE if everywhere else AuditEvent.USER_SIGNED_OUT
        self._audit.record(event, user=session.subject, username=session.username)
        return response

    async def _begin(self, request: web.Request) -> tuple[Form, Browser, Session | None]:
        """What each step does first. Raises PageRefusal when the form is not one of this browser."""
        form = await read_own_form(request)
        browser = self._cookies.browser(request)
        browser.check_csrf(_CSRF_PURPOSE, form.get("csrf"))
        return form, browser, await self._sessions.current(request)

    async def _own_grant(self, form: Form, session: Session) -> Grant | None:
        unverified_id = form.get("grant") or ""
        try:
            known_form = len(decode(unverified_id)) == 16
        except ValueError:
            known_form = False
        grant = await self._grants.find(unverified_id) if known_form else None
        return grant if grant is not None and grant.subject == session.subject else None

    async def _end(self, grant: Grant) -> None:
        if await self._grants.end(grant.grant_id, reason="ended_by_person", now=self._now()):
            self._audit.record(
                AuditEvent.GRANT_REVOKED,
                user=grant.subject,
                client=grant.client_id,
                grant=grant.grant_id,
                resource=grant.resource,
                reason="ended_by_person",
            )

    async def _page(
        self,
        browser: Browser,
        session: Session,
        *,
        news: AccountNews = AccountNews.NONE,
        problem: str = "",
        status: int = 200,
    ) -> web.Response:
        now = self._now()
        view = AccountView(
            address=self._address,
            csrf=browser.csrf(_CSRF_PURPOSE),
            username=session.username,
            applications=await self._applications.of(session.subject, now=now),
            now=now,
            access_token_minutes=self._access_token_minutes,
            news=news,
            password_problem=problem,
        )
        return self._pages.account(view, status=status)

    def _see_news(self, browser: Browser, news: AccountNews) -> web.Response:
        query = urlencode({"news": news.value, "mark": browser.csrf(f"news:{news.value}")})
        return _see(f"{self._address}?{query}")


def _news(request: web.Request, browser: Browser) -> AccountNews:
    for news in AccountNews:
        mark = browser.csrf(f"news:{news.value}")
        if request.query.get("news") == news.value and hmac.compare_digest(
            mark.encode(), request.query.get("mark", "").encode("utf-8", "replace")
        ):
            return news
    return AccountNews.NONE


def _see(location: str) -> web.Response:
    return web.Response(status=303, headers={"Location": location, **NO_STORE})
