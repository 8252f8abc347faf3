"""Checks a user's password, with the delays that slow down guessing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auth_service.audit.events import AuditEvent

if TYPE_CHECKING:
    from auth_service.audit.log import AuditLog
    from auth_service.sessions.cookies import Browser
    from auth_service.sign_in.attempt_repository import AttemptCounts
    from auth_service.sign_in.throttle import SignInThrottle
    from auth_service.users.service import UserService
    from auth_service.users.user import User


class PasswordAuthenticator:
    """Used by the sign-in form, and by the account page before it changes a password."""

    def __init__(self, *, users: UserService, throttle: SignInThrottle, audit: AuditLog) -> None:
        self._users = users
        self._throttle = throttle
        self._audit = audit

    async def authenticate(
        self, username: str, password: str, *, browser: Browser, address: str
    ) -> tuple[User, AttemptCounts] | None:
        """The user and the counted attempt; None if name or password is wrong.

        Pass the attempt to `succeeded` once the sign-in has gone through. Raises TooManyRequests, RedisUnavailable,
        ServiceUnavailable.
        """
        attempt = await self._throttle.begin(username, browser_hash=browser.secret_hash, address=address)
        user = await self._users.authenticate(username, password)
        if user is not None:
            return user, attempt
        # The audit log names the account, if there is one, and never the input: users type passwords into the wrong
        # field.
        known = await self._users.find_by_name(username)
        self._audit.record(AuditEvent.USER_SIGN_IN_FAILED, user=known.subject if known else "unknown", address=address)
        return None

    async def succeeded(self, attempt: AttemptCounts) -> None:
        """The browser is known to belong to the account from now on. Raises RedisUnavailable."""
        await self._throttle.succeeded(attempt)
