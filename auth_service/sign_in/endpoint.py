"""GET and POST /sign-in: who is the person? The answer to a wrong name and to a wrong password is the same."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from aiohttp import web

from auth_service.audit.events import AuditEvent
from auth_service.authorization.interaction_steps import find_interaction
from auth_service.http.request_body import read_first_party_form
from auth_service.http.responses import NO_STORE
from auth_service.pages.views import SignInView
from auth_service.protocol.errors import TooManyRequests, UnknownClient
from shared.http.client_address import CLIENT_ADDRESS
from shared.http.request_middleware import LOG_FIELDS

if TYPE_CHECKING:
    from auth_service.audit.log import AuditLog
    from auth_service.authorization.interaction_repository import InteractionRepository
    from auth_service.clients.client import ClientLookup
    from auth_service.pages.renderer import Pages
    from auth_service.resources.catalogue import ResourceCatalogue
    from auth_service.sessions.cookies import Browser, SessionCookies
    from auth_service.sessions.manager import SessionManager
    from auth_service.sign_in.throttle import SignInThrottle
    from auth_service.users.service import UserService


class SignInEndpoint:
    """The sign-in form. Without a transaction it leads to the person's own page."""

    def __init__(
        self,
        *,
        base_path: str,
        pages: Pages,
        cookies: SessionCookies,
        sessions: SessionManager,
        interactions: InteractionRepository,
        users: UserService,
        throttle: SignInThrottle,
        directory: ClientLookup,
        resources: ResourceCatalogue,
        audit: AuditLog,
    ) -> None:
        self._base_path = base_path
        self._pages = pages
        self._cookies = cookies
        self._sessions = sessions
        self._interactions = interactions
        self._users = users
        self._throttle = throttle
        self._directory = directory
        self._resources = resources
        self._audit = audit

    async def show(self, request: web.Request) -> web.StreamResponse:
        """GET: the form."""
        browser = self._cookies.browser(request)
        transaction = request.query.get("transaction", "")
        response = await self._form(browser, transaction)
        self._cookies.remember_browser(response, browser)
        return response

    async def submit(self, request: web.Request) -> web.StreamResponse:
        """POST: check name and password, begin a session, go on."""
        form = await read_first_party_form(request)
        browser = self._cookies.browser(request)
        transaction = form.get("transaction") or ""
        browser.check_csrf(transaction, form.get("csrf"))
        username = (form.get("username") or "").strip()[:200]
        password = form.get("password") or ""
        if not username or not password:
            return await self._form(browser, transaction, username, "Please enter your name and your password.")
        address = request[CLIENT_ADDRESS]
        try:
            attempt = await self._throttle.begin(username, browser_hash=browser.secret_hash, address=address)
        except TooManyRequests as exc:
            request[LOG_FIELDS].update(error_id=exc.error_id, reason=exc.reason)
            delayed = await self._form(browser, transaction, username, exc.public, status=exc.status)
            delayed.headers.update(exc.headers)
            return delayed
        user = await self._users.authenticate(username, password)
        if user is None:
            # The account, if there is one; never what was typed: people type passwords into the wrong field.
            known = await self._users.find_by_name(username)
            self._audit.record(
                AuditEvent.USER_SIGN_IN_FAILED, user=known.subject if known else "unknown", address=address
            )
            request[LOG_FIELDS]["error_id"] = "password"
            problem = "The name or the password is not right. Please try again."
            return await self._form(browser, transaction, username, problem, status=403)
        if transaction:
            await find_interaction(self._interactions, browser, transaction)
            location = f"{self._base_path}/consent?{urlencode({'transaction': transaction})}"
        else:
            location = f"{self._base_path}/account"
        await self._throttle.succeeded(attempt)
        response = web.Response(status=303, headers={"Location": location, **NO_STORE})
        before = await self._sessions.current(request)
        await self._sessions.sign_in(response, subject=user.subject, username=user.username, replacing=before)
        self._audit.record(AuditEvent.USER_SIGNED_IN, user=user.subject, address=address)
        return response

    async def _form(
        self, browser: Browser, transaction: str, username: str = "", problem: str = "", *, status: int = 200
    ) -> web.Response:
        client_name = resource_name = None
        if transaction:
            asked = (await find_interaction(self._interactions, browser, transaction)).request
            resource = self._resources.find(asked.resource)
            resource_name = resource.name if resource else None
            username = username or asked.login_hint or ""
            try:
                client_name = (await self._directory.find(asked.client_id)).client_name
            except UnknownClient:
                client_name = None
        return self._pages.sign_in(
            SignInView(
                action=f"{self._base_path}/sign-in",
                transaction=transaction,
                csrf=browser.csrf(transaction),
                client_name=client_name,
                resource_name=resource_name,
                username=username,
                problem=problem,
            ),
            status=status,
        )
