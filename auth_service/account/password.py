"""POST /account/password: change the password, and sign out every other browser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from auth_service.audit.events import AuditEvent
from auth_service.pages.account_views import AccountNotice, PasswordProblem
from auth_service.protocol.errors import TooManyRequests
from auth_service.texts import message
from auth_service.users.password_rules import WeakPassword, check_new_password
from auth_service.users.service import UnknownUser
from shared.http.client_address import CLIENT_ADDRESS

if TYPE_CHECKING:
    from aiohttp import web

    from auth_service.account.page import AccountPage, PostedForm
    from auth_service.audit.log import AuditLog
    from auth_service.sessions.manager import SessionManager
    from auth_service.sign_in.password_authenticator import PasswordAuthenticator
    from auth_service.users.service import UserService
    from auth_service.users.user import User


class _NotChanged(Exception):
    def __init__(
        self, problem: PasswordProblem, *, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(problem.text)
        self.problem = problem
        self.status = status
        self.headers = headers or {}


class PasswordEndpoint:
    """Requires the session and the current password; guessing is delayed as at the sign-in form."""

    def __init__(
        self,
        *,
        page: AccountPage,
        sessions: SessionManager,
        users: UserService,
        passwords: PasswordAuthenticator | None,
        audit: AuditLog,
    ) -> None:
        """`passwords` is None where users sign in through providers only."""
        self._page = page
        self._sessions = sessions
        self._users = users
        self._passwords = passwords
        self._audit = audit

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """POST: redirect to the page with a notice, or show the page with the problem."""
        posted = await self._page.read_form(request)
        if posted is None:
            return self._page.to_sign_in()
        if self._passwords is None:
            return self._page.to_page(posted.browser)
        try:
            user, new = await self._checked(posted, self._passwords, address=request[CLIENT_ADDRESS])
        except _NotChanged as exc:
            response = await self._page.render(
                posted.browser, posted.session, password_problem=exc.problem, status=exc.status
            )
            response.headers.update(exc.headers)
            return response
        response = self._page.to_page(posted.browser, AccountNotice.PASSWORD_CHANGED)
        # All sessions end before the change, so that none survives a failure half-way, and again afterwards, for
        # sessions that the old password started in between.
        await self._sessions.sign_out_everywhere(response, posted.session)
        try:
            await self._users.set_password(user, new)
        except UnknownUser:
            return self._page.to_sign_in()
        await self._sessions.sign_out_everywhere(response, posted.session)
        self._audit.record(AuditEvent.USER_PASSWORD_CHANGED, user=user.subject, username=user.username)
        if not await self._sessions.sign_in(request, response, subject=user.subject, username=user.username):
            return self._page.to_sign_in()
        return response

    async def _checked(self, posted: PostedForm, passwords: PasswordAuthenticator, *, address: str) -> tuple[User, str]:
        """The user and the new password. Raises _NotChanged."""
        new = posted.form.get("new_password") or ""
        if not new or new != posted.form.get("repeated_password"):
            raise _NotChanged(PasswordProblem(message("The two new passwords aren't the same."), "repeated"))
        try:
            user = await self._confirmed(posted, passwords, address=address)
        except TooManyRequests as exc:
            raise _NotChanged(PasswordProblem(exc.public, "current"), status=exc.status, headers=exc.headers) from exc
        try:
            check_new_password(new, username=user.username)
        except WeakPassword as exc:
            raise _NotChanged(PasswordProblem(exc.public, "new")) from exc
        return user, new

    async def _confirmed(self, posted: PostedForm, passwords: PasswordAuthenticator, *, address: str) -> User:
        """The session's user, if the current password is right. Raises _NotChanged, TooManyRequests."""
        session = posted.session
        password = posted.form.get("current_password") or ""
        authenticated = await passwords.authenticate(
            session.username, password, browser=posted.browser, address=address
        )
        if authenticated is None or authenticated[0].subject != session.subject:
            raise _NotChanged(PasswordProblem(message("That isn't your current password."), "current"), status=403)
        user, attempt = authenticated
        await passwords.succeeded(attempt)
        return user
