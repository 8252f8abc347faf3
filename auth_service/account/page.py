"""GET /account: the account page, and the checks that its forms share.

After an action the browser is redirected to the page with a notice (sessions/notices.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from auth_service.account.listings import browser_views
from auth_service.http.messages import NO_STORE, read_first_party_form
from auth_service.pages.account_views import AccountNotice, AccountView, PasswordProblem
from auth_service.sessions.notices import read_notice, with_notice

if TYPE_CHECKING:
    from auth_service.account.listings import ApplicationList, IdentityList
    from auth_service.http.urls import Urls
    from auth_service.pages.renderer import Pages
    from auth_service.protocol.parameters import Parameters
    from auth_service.sessions.cookies import Browser
    from auth_service.sessions.manager import SessionManager
    from auth_service.sessions.repository import Session


@dataclass(frozen=True, slots=True)
class PostedForm:
    """A form that was posted from the page of this browser, with the session of the browser."""

    form: Parameters
    browser: Browser
    session: Session


class AccountPage:
    """Shows the page; checks its forms."""

    def __init__(
        self,
        *,
        urls: Urls,
        pages: Pages,
        sessions: SessionManager,
        applications: ApplicationList,
        identities: IdentityList,
        clock: Callable[[], float],
    ) -> None:
        self.address = urls.account
        self.sign_in_address = urls.sign_in
        self._pages = pages
        self._sessions = sessions
        self._applications = applications
        self._identities = identities
        self._clock = clock

    async def show(self, request: web.Request) -> web.StreamResponse:
        """GET: the page, or a redirect to the sign-in form."""
        session = await self._sessions.current(request)
        if session is None:
            return self.to_sign_in()
        browser = self._sessions.browser(request)
        response = await self.render(browser, session, notice=read_notice(request, browser))
        self._sessions.remember_browser(response, browser)
        return response

    async def read_form(self, request: web.Request) -> PostedForm | None:
        """Check a posted form; None if its session has ended.

        Raises PageError for a form of another origin, browser or session: the page names the account that it changes.
        """
        form = await read_first_party_form(request)
        browser = self._sessions.browser(request)
        browser.check_csrf(_csrf_purpose(self._sessions.claimed(request)), form.get("csrf"))
        session = await self._sessions.current(request)
        return PostedForm(form, browser, session) if session is not None else None

    async def render(
        self,
        browser: Browser,
        session: Session,
        *,
        notice: AccountNotice = AccountNotice.NONE,
        password_problem: PasswordProblem | None = None,
        status: int = 200,
    ) -> web.Response:
        """The page itself. Raises RedisUnavailable."""
        now = self._clock()
        view = AccountView(
            address=self.address,
            csrf=browser.csrf(_csrf_purpose(session.token_hash)),
            username=session.username,
            applications=await self._applications.of(session.subject, now=now),
            now=now,
            unseen_minutes=self._applications.unseen_minutes,
            notice=notice,
            password_problem=password_problem,
            identities=await self._identities.of(session),
            browsers=tuple(browser_views(await self._sessions.find_by_subject(session.subject), current=session)),
            sign_in_address=self.sign_in_address,
        )
        return self._pages.account(view, status=status)

    def to_page(self, browser: Browser, notice: AccountNotice = AccountNotice.NONE) -> web.Response:
        """Redirect to the page, which then shows the notice."""
        return _see_other(with_notice(self.address, browser, notice))

    def to_sign_in(self) -> web.Response:
        """Redirect to the sign-in form, which returns to the page."""
        return _see_other(self.sign_in_address)


def _see_other(location: str) -> web.Response:
    return web.Response(status=303, headers={"Location": location, **NO_STORE})


def _csrf_purpose(token_hash: str) -> str:
    """The CSRF purpose of one user: after a sign-in as another user, the page of the first cannot be submitted."""
    return f"account.{token_hash}"
