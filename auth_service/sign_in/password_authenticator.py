"""Checks a user's password, with delays that slow down guessing (delay.py has the rules)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from auth_service.audit.events import AuditEvent
from auth_service.protocol.errors import TooManyRequests
from auth_service.sign_in.delay import schedule_for, wait_ms
from auth_service.users.user import lookup_name
from shared.http.client_address import network_of

if TYPE_CHECKING:
    from auth_service.audit.log import AuditLog
    from auth_service.rate_limits.limits import RateLimits
    from auth_service.sessions.cookies import Browser
    from auth_service.sign_in.attempt_repository import AttemptCounts, SignInAttemptRepository
    from auth_service.users.service import UserService
    from auth_service.users.user import User

_MAX_TRIES: Final = 5
"""How often counting is repeated after a concurrent attempt; then the attempt has to wait a second."""


class SignInThrottle:
    """Counts an attempt before the password is verified, and clears the count after a success."""

    def __init__(
        self, *, attempts: SignInAttemptRepository, limits: RateLimits, audit: AuditLog, clock: Callable[[], float]
    ) -> None:
        self._attempts = attempts
        self._limits = limits
        self._audit = audit
        self._clock = clock

    async def begin(self, username: str, *, browser_hash: str, address: str) -> AttemptCounts:
        """Count an attempt. Raises TooManyRequests with Retry-After if it has to wait; it is not counted then."""
        name, network = lookup_name(username), network_of(address)
        for _ in range(_MAX_TRIES):
            counts = await self._attempts.read(name, network=network, browser_hash=browser_hash)
            now_ms = int(self._clock() * 1000)
            wait = wait_ms(counts.own, now_ms, schedule_for(known=counts.known, account=counts.account))
            if wait:
                self._audit.record(AuditEvent.USER_SIGN_IN_DELAYED, address=address, count=counts.own.count)
                raise _delayed(-(-wait // 1000))
            if await self._attempts.count(counts, now_ms=now_ms):
                if not counts.known:
                    await self._limits.check_sign_in(address)
                return counts
        raise _delayed(1)

    async def succeeded(self, counts: AttemptCounts) -> None:
        """The password was right: the browser is known to belong to the account from now on."""
        await self._attempts.succeeded(counts)


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

        Pass the attempt to `succeeded` once the sign-in has completed. Raises TooManyRequests, RedisUnavailable,
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


def _delayed(seconds: int) -> TooManyRequests:
    duration = f"{seconds} seconds" if seconds < 120 else f"{-(-seconds // 60)} minutes"
    return TooManyRequests(
        f"sign-in attempts follow each other too closely; {seconds} s left",
        error_id="sign_in_delay",
        public=f"Too many attempts. Please wait {duration}, then try again.",
        headers={"Retry-After": str(seconds)},
    )
