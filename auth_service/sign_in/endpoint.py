"""GET and POST /sign-in: the password form, and the buttons of identity providers.

An unknown user name and a wrong password get the same response.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from auth_service.http.messages import read_first_party_form
from auth_service.protocol.errors import TooManyRequests
from auth_service.texts import message
from auth_service.users.user import lookup_name
from shared.http.client_address import CLIENT_ADDRESS
from shared.http.request_middleware import LOG_FIELDS

if TYPE_CHECKING:
    from aiohttp import web

    from auth_service.authorization.interaction import Interaction
    from auth_service.authorization.interaction_pages import InteractionPages
    from auth_service.authorization.interaction_service import InteractionService
    from auth_service.protocol.parameters import Parameters
    from auth_service.sessions.cookies import Browser
    from auth_service.sessions.manager import SessionManager
    from auth_service.sign_in.completion import SignInCompletion
    from auth_service.sign_in.password_authenticator import PasswordAuthenticator
    from auth_service.sign_in.provider_buttons import ProviderButtons


class SignInEndpoint:
    """The sign-in form. Without a transaction, sign-in continues with the account page."""

    def __init__(
        self,
        *,
        pages: InteractionPages,
        sessions: SessionManager,
        interactions: InteractionService,
        passwords: PasswordAuthenticator | None,
        completion: SignInCompletion,
        buttons: ProviderButtons,
    ) -> None:
        """`passwords` is None where users sign in through providers only."""
        self._pages = pages
        self._sessions = sessions
        self._interactions = interactions
        self._passwords = passwords
        self._completion = completion
        self._buttons = buttons

    async def show(self, request: web.Request) -> web.StreamResponse:
        """GET: the form, for the account page. For an interaction, the authorization endpoint shows it."""
        browser = self._sessions.browser(request)
        # From the account page, which demands a recent sign-in: a provider must not go on with an old one.
        response = await self._pages.sign_in(browser, choose_account=request.query.get("again") == "1")
        self._sessions.remember_browser(response, browser)
        return response

    async def submit(self, request: web.Request) -> web.StreamResponse:
        """POST: check user name and password, start a session, continue with consent or the account page.

        A button of a provider leads there instead.
        """
        form = await read_first_party_form(request)
        browser = self._sessions.browser(request)
        transaction = form.get("transaction") or ""
        browser.check_csrf(transaction, form.get("csrf"))
        interaction = await self._interactions.find(browser, transaction) if transaction else None
        if form.get("provider"):
            return await self._buttons.press(request, form, browser, interaction)
        if form.get("switch") or self._passwords is None:
            return await self._pages.sign_in(browser, transaction, interaction, choose_account=True)
        return await self._by_password(request, form, self._passwords, browser, interaction)

    async def _by_password(
        self,
        request: web.Request,
        form: Parameters,
        passwords: PasswordAuthenticator,
        browser: Browser,
        interaction: Interaction | None,
    ) -> web.StreamResponse:
        show_again = partial(self._pages.sign_in, browser, form.get("transaction") or "", interaction)
        username = (form.get("username") or "").strip()[:200]
        password = form.get("password") or ""
        if interaction is not None and await self._is_signed_in(request, interaction, username):
            return await self._completion.leave(interaction)
        if not username or not password:
            return await show_again(username=username, problem=message("Enter your username and your password."))
        address = request[CLIENT_ADDRESS]
        try:
            authenticated = await passwords.authenticate(username, password, browser=browser, address=address)
        except TooManyRequests as exc:
            request[LOG_FIELDS].update(error_id=exc.error_id, reason=exc.reason)
            delayed = await show_again(username=username, problem=exc.public, status=exc.status)
            delayed.headers.update(exc.headers)
            return delayed
        if authenticated is None:
            request[LOG_FIELDS]["error_id"] = "password"
        else:
            user, attempt = authenticated
            response = await self._completion.leave(interaction)
            await passwords.succeeded(attempt)
            if await self._completion.sign_in(request, response, user, interaction):
                return response
            request[LOG_FIELDS]["error_id"] = "user_active"
        problem = message("Incorrect username or password.")
        return await show_again(username=username, problem=problem, status=403)

    async def _is_signed_in(self, request: web.Request, interaction: Interaction, username: str) -> bool:
        """Whether this browser has signed in as this user since the page was opened, as in another tab."""
        session = await self._sessions.current(request)
        if session is None or lookup_name(session.username) != lookup_name(username):
            return False
        return interaction.accepts_age_of(session)
