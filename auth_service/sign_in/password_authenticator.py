"""Checks a user's password, with delays that slow down guessing (delay.py has the rules)."""

from __future__ import annotations

from ipaddress import IPv6Network
from typing import TYPE_CHECKING

from auth_service.audit.events import AuditEvent
from auth_service.protocol.errors import TooManyRequests
from auth_service.sign_in.delay import schedule_for, wait_ms
from auth_service.texts import plural
from auth_service.users.hashing_queue import Lane
from auth_service.users.user import lookup_name
from shared.http.client_address import network_of

if TYPE_CHECKING:
    from auth_service.audit.log import AuditLog
    from auth_service.rate_limits.limits import RateLimits
    from auth_service.sessions.cookies import Browser
    from auth_service.sign_in.attempt_repository import AttemptCounts, SignInAttemptRepository
    from auth_service.users.hashing_queue import HashingQueue
    from auth_service.users.service import UserService
    from auth_service.users.user import User


class SignInThrottle:
    """Delays attempts, counts them before the password is verified, and clears the count after a success."""

    def __init__(self, *, attempts: SignInAttemptRepository, limits: RateLimits, audit: AuditLog) -> None:
        self._attempts = attempts
        self._limits = limits
        self._audit = audit

    async def begin(self, username: str, *, browser_hash: str, address: str) -> AttemptCounts:
        """The counts that apply to an attempt; nothing is counted yet.

        Raises TooManyRequests with Retry-After if it has to wait, so that it does not wait for a hash in vain.
        """
        counts = await self._attempts.read(
            lookup_name(username), network=network_of(address), browser_hash=browser_hash
        )
        wait = wait_ms(counts.own, counts.read_at_ms, schedule_for(known=counts.known, account=counts.account))
        if wait:
            raise self._delayed(counts, wait, address)
        return counts

    async def count(self, counts: AttemptCounts, *, address: str) -> None:
        """Count the attempt; its password is verified next. Raises TooManyRequests; it is not counted then.

        Called when its turn has come: an attempt that is refused because of overload does not count.
        """
        if not counts.known:
            await self._limits.check_sign_in(address)
        wait = await self._attempts.count(counts)
        if wait:
            raise self._delayed(counts, wait, address)

    async def succeeded(self, counts: AttemptCounts) -> None:
        """Clear the count after a right password, and record the browser as known for the account."""
        await self._attempts.succeeded(counts)

    def _delayed(self, counts: AttemptCounts, wait: int, address: str) -> TooManyRequests:
        self._audit.record(AuditEvent.USER_SIGN_IN_DELAYED, address=address, count=counts.own.count)
        return _delayed(-(-wait // 1000))


class PasswordAuthenticator:
    """Checks passwords for the sign-in form, and for the account page before it changes one."""

    def __init__(self, *, users: UserService, throttle: SignInThrottle, queue: HashingQueue, audit: AuditLog) -> None:
        self._users = users
        self._throttle = throttle
        self._queue = queue
        self._audit = audit

    async def authenticate(
        self, username: str, password: str, *, browser: Browser, address: str
    ) -> tuple[User, AttemptCounts] | None:
        """The user and the counted attempt; None if name or password is wrong.

        Pass the attempt to `succeeded` once the sign-in has completed. Raises TooManyRequests, RedisUnavailable,
        ServiceUnavailable.
        """
        attempt = await self._throttle.begin(username, browser_hash=browser.secret_hash, address=address)
        lane, key = Lane.FURTHER_ATTEMPT if attempt.own.count else Lane.FIRST_ATTEMPT, _queue_key(address)
        if attempt.known:
            lane, key = Lane.KNOWN_BROWSER, attempt.account_key

        async def verify() -> User | None:
            await self._throttle.count(attempt, address=address)
            user = await self._users.authenticate(username, password)
            if user is None:
                # The audit log names the account, if there is one, and never the input: users type passwords into the
                # wrong field.
                known = await self._users.find_by_name(username)
                subject = known.subject if known else "unknown"
                self._audit.record(AuditEvent.USER_SIGN_IN_FAILED, user=subject, address=address)
            return user

        user = await self._queue.run(lane, key, verify)
        return (user, attempt) if user is not None else None

    async def succeeded(self, attempt: AttemptCounts) -> None:
        """Clear the count and record the browser as known for the account. Raises RedisUnavailable."""
        await self._throttle.succeeded(attempt)


def _queue_key(address: str) -> str:
    """The key of the hashing queue: an IPv4 address, or a /48 of IPv6, which one subscriber may hold."""
    network = network_of(address)
    return str(IPv6Network(network).supernet(new_prefix=48)) if ":" in network else network


def _delayed(seconds: int) -> TooManyRequests:
    minutes = -(-seconds // 60)
    return TooManyRequests(
        f"sign-in attempts follow each other too closely; {seconds} s left",
        error_id="sign_in_delay",
        public=plural(
            "Too many attempts. Please wait %(num)s second, then try again.",
            "Too many attempts. Please wait %(num)s seconds, then try again.",
            seconds,
        )
        if seconds < 120
        else plural(
            "Too many attempts. Please wait %(num)s minute, then try again.",
            "Too many attempts. Please wait %(num)s minutes, then try again.",
            minutes,
        ),
        headers={"Retry-After": str(seconds)},
    )
