"""Slows down guessing without locking anybody out (limits/sign_in_delay.py has the rules)."""

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
    from auth_service.sign_in.attempt_repository import AttemptCounts, SignInAttemptRepository

_ROUNDS: Final = 5
"""How often a count is tried again when others attempt at the very same time; then this one waits a second."""


class SignInThrottle:
    """Ask before a password is verified, tell when it was right."""

    def __init__(
        self, *, attempts: SignInAttemptRepository, limits: RateLimits, audit: AuditLog, now: Callable[[], float]
    ) -> None:
        self._attempts = attempts
        self._limits = limits
        self._audit = audit
        self._now = now

    async def begin(self, username: str, *, browser_hash: str, address: str) -> AttemptCounts:
        """Count an attempt. Raises TooManyRequests with Retry-After when it has to wait; it is not counted then."""
        name, network = lookup_name(username), network_of(address)
        for _ in range(_ROUNDS):
            counts = await self._attempts.read(name, network=network, browser_hash=browser_hash)
            now_ms = int(self._now() * 1000)
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


def _delayed(seconds: int) -> TooManyRequests:
    words = f"{seconds} seconds" if seconds < 120 else f"{-(-seconds // 60)} minutes"
    return TooManyRequests(
        f"sign-in attempts follow each other too closely; {seconds} s left",
        error_id="sign_in_delay",
        public=f"Too many attempts. Please wait {words}, then try again.",
        headers={"Retry-After": str(seconds)},
    )
