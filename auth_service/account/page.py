"""GET /account: the account page with the list of applications, and the checks that its forms share.

After an action the browser is redirected to the page with a notice (sessions/notices.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import web

from auth_service.account.browsers import browser_views
from auth_service.clients.client import ClientKind
from auth_service.http.messages import NO_STORE, read_first_party_form
from auth_service.pages.account_views import AccountNotice, AccountView, ApplicationView, PasswordProblem
from auth_service.pages.views import ScopeView
from auth_service.protocol.errors import UnknownClient
from auth_service.resources.catalogue import describe_scopes
from auth_service.resources.user_access import describe_claims
from auth_service.sessions.notices import read_notice, with_notice

if TYPE_CHECKING:
    from auth_service.account.identities import IdentityList
    from auth_service.clients.client import ClientLookup
    from auth_service.grants.grant import Grant
    from auth_service.grants.repository import GrantRepository
    from auth_service.http.urls import Urls
    from auth_service.pages.renderer import Pages
    from auth_service.protocol.parameters import Parameters
    from auth_service.resources.catalogue import ResourceCatalogue
    from auth_service.sessions.cookies import Browser
    from auth_service.sessions.manager import SessionManager
    from auth_service.sessions.repository import Session


@dataclass(frozen=True, slots=True)
class Visit:
    """A form that was posted from this browser's page, and the session of the browser."""

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

    async def visit(self, request: web.Request) -> Visit | None:
        """Check a posted form; None if its session has ended.

        Raises PageError for a form of another origin, browser or session: the page names the account that it changes.
        """
        form = await read_first_party_form(request)
        browser = self._sessions.browser(request)
        browser.check_csrf(_csrf_purpose(self._sessions.claimed(request)), form.get("csrf"))
        session = await self._sessions.current(request)
        return Visit(form, browser, session) if session is not None else None

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


class ApplicationList:
    """Reads a user's grants and looks up their clients."""

    def __init__(
        self,
        *,
        grants: GrantRepository,
        clients: ClientLookup,
        resources: ResourceCatalogue,
        access_token_seconds: int,
    ) -> None:
        self.unseen_minutes = -(-access_token_seconds // 60)
        """For so long an application works with a token, and nothing is seen of its use here."""
        self._grants = grants
        self._clients = clients
        self._resources = resources

    async def of(self, subject: str, *, now: float) -> tuple[ApplicationView, ...]:
        """The user's live grants, the most recently used first. Raises RedisUnavailable."""
        grants = await self._grants.find_by_subject(subject, now=now)
        pre_registered = {g.client_id: await self._is_pre_registered(g.client_id) for g in grants}
        return tuple(self._view(g, verified=pre_registered[g.client_id]) for g in grants)

    async def _is_pre_registered(self, client_id: str) -> bool:
        if _document_host(client_id) is not None:
            return False
        try:
            client = await self._clients.find(client_id)
        except UnknownClient:
            return False
        return client.kind is ClientKind.PRE_REGISTERED

    def _view(self, grant: Grant, *, verified: bool) -> ApplicationView:
        # A grant may name a resource that is no longer configured: it is shown by its identifiers.
        resource = self._resources.find(grant.resource)
        scopes = describe_scopes(grant.scopes, resource) if resource else tuple((s, s) for s in grant.scopes)
        return ApplicationView(
            grant_id=grant.grant_id,
            client_name=grant.client_name,
            client_host=_document_host(grant.client_id),
            redirect_host=grant.redirect_host,
            on_device=grant.on_device,
            resource_name=resource.name if resource else grant.resource,
            scopes=tuple(ScopeView(name, words) for name, words in scopes),
            told=describe_claims(c for c in grant.claims if resource and c in resource.claims),
            since=grant.created_at,
            used=grant.used_at,
            refreshed=grant.refreshed_at,
            address=grant.address,
            verified=verified,
        )


def _document_host(client_id: str) -> str | None:
    """The host of a client id that is the URL of a client ID metadata document."""
    return urlsplit(client_id).hostname if client_id.startswith("https://") else None


def _csrf_purpose(token_hash: str) -> str:
    """As for the consent page: after a sign-in as another user, the page of the first cannot be submitted."""
    return f"account.{token_hash}"
