"""GET /account: the person's page, and what its steps have in common.

What a step did is told on the page that it leads back to, and only if this browser took the step: a link from
elsewhere cannot make the page say it.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from aiohttp import web

from auth_service.http.request_body import read_first_party_form
from auth_service.http.responses import NO_STORE
from auth_service.pages.views import AccountNews, AccountView

if TYPE_CHECKING:
    from auth_service.account.applications import ApplicationList
    from auth_service.http.urls import Urls
    from auth_service.pages.renderer import Pages
    from auth_service.protocol.parameters import Parameters
    from auth_service.sessions.cookies import Browser
    from auth_service.sessions.manager import SessionManager
    from auth_service.sessions.session import Session

_CSRF_PURPOSE: Final = "account"


@dataclass(frozen=True, slots=True)
class Visit:
    """A form that came from this browser's page, and who is signed in there."""

    form: Parameters
    browser: Browser
    session: Session


class AccountPage:
    """Shows the page; checks what its forms send."""

    def __init__(
        self,
        *,
        urls: Urls,
        access_token_ttl_seconds: int,
        pages: Pages,
        sessions: SessionManager,
        applications: ApplicationList,
        clock: Callable[[], float],
    ) -> None:
        self.address = urls.account
        self.sign_in_address = urls.sign_in()
        self._access_token_minutes = -(-access_token_ttl_seconds // 60)
        self._pages = pages
        self._sessions = sessions
        self._applications = applications
        self._clock = clock

    async def show(self, request: web.Request) -> web.StreamResponse:
        """GET: the page, or the way to the sign-in form."""
        session = await self._sessions.current(request)
        if session is None:
            return self.to_sign_in()
        browser = self._sessions.browser(request)
        response = await self.render(browser, session, news=_news(request, browser))
        self._sessions.remember_browser(response, browser)
        return response

    async def redirect_to_account(self, _request: web.Request) -> web.StreamResponse:
        """GET of the issuer's own address, which a person may type or follow."""
        return _see(self.address)

    async def visit(self, request: web.Request) -> Visit | None:
        """What each step checks first; None when nobody is signed in. Raises PageError for a foreign form."""
        form = await read_first_party_form(request)
        browser = self._sessions.browser(request)
        browser.check_csrf(_CSRF_PURPOSE, form.get("csrf"))
        session = await self._sessions.current(request)
        return Visit(form, browser, session) if session is not None else None

    async def render(
        self,
        browser: Browser,
        session: Session,
        *,
        news: AccountNews = AccountNews.NONE,
        password_problem: str = "",
        status: int = 200,
    ) -> web.Response:
        """The page itself. Raises RedisUnavailable."""
        now = self._clock()
        view = AccountView(
            address=self.address,
            csrf=browser.csrf(_CSRF_PURPOSE),
            username=session.username,
            applications=await self._applications.of(session.subject, now=now),
            now=now,
            access_token_minutes=self._access_token_minutes,
            news=news,
            password_problem=password_problem,
        )
        return self._pages.account(view, status=status)

    def to_page(self, browser: Browser, news: AccountNews = AccountNews.NONE) -> web.Response:
        """Back to the page, which then tells the news."""
        if news is AccountNews.NONE:
            return _see(self.address)
        return _see(f"{self.address}?{urlencode({'news': news.value, 'mark': browser.csrf(f'news:{news.value}')})}")

    def to_sign_in(self) -> web.Response:
        """To the sign-in form, which leads back here."""
        return _see(self.sign_in_address)


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
