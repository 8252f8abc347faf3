"""The rate limits as the endpoints use them: one method per limit. All raise TooManyRequests.

A refusal by the middleware is delayed (shared/http/refusal_delay.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NoReturn

from aiohttp import web
from prometheus_client import Counter

from auth_service.audit.events import AuditEvent
from auth_service.protocol.errors import TooManyRequests
from auth_service.rate_limits import policy
from shared.http.client_address import CLIENT_ADDRESS, network_of, site_of
from shared.http.health import PROBED_PATHS
from shared.http.refusal_delay import RefusalDelay
from shared.ip_addresses import is_shared
from shared.rates import (
    POLICY_HEADER,
    RATE_LIMIT_HEADER,
    SHARED_NETWORK_FACTOR,
    ConcurrencyLimiter,
    InMemoryRateLimiter,
    Rate,
    rate_limit,
    rate_limit_headers,
    rate_limit_policy,
    whole_seconds,
)

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware
    from prometheus_client import CollectorRegistry

    from auth_service.audit.log import AuditLog
    from auth_service.rate_limits.policy import RateLimit
    from auth_service.rate_limits.repository import RateLimitRepository
    from shared.ip_addresses import IPNetwork
    from shared.rates import RateDecision

_AUDIT_RATE: Final = Rate(1, 60, burst=1)
"""One audit event a minute for each key over its limit: a flood must not fill the audit log."""


class RateLimits:
    """Counts requests and answers 429 beyond a limit."""

    def __init__(
        self,
        *,
        repository: RateLimitRepository,
        shared_networks: Sequence[IPNetwork],
        audit: AuditLog,
        registry: CollectorRegistry,
        enabled: bool,
        monotonic: Callable[[], float],
    ) -> None:
        """`shared_networks`: networks with many clients behind each address; private networks always count as such.

        `monotonic` is in seconds.
        """
        self._repository = repository
        self._shared_networks = tuple(shared_networks)
        self._audit = audit
        self._limited = Counter(
            "sallyport_rate_limited_requests", "Requests refused by a rate limit.", ("limit",), registry=registry
        )
        self._enabled = enabled
        self._monotonic = monotonic
        self._memory = InMemoryRateLimiter()
        self._fetches = ConcurrencyLimiter()
        self._audit_limiter = InMemoryRateLimiter(max_keys=10_000)
        self._rate_for = lru_cache(10_000)(self._find_rate)
        self._network_of = lru_cache(10_000)(network_of)
        self._requests_of = lru_cache(10_000)(self._find_requests_of)

    def check_request(self, address: str) -> RateDecision | None:
        """Count any request. None if limits are off."""
        return self._check_in_memory(policy.REQUESTS, address, self._network_of(address))

    def admit_request(self, address: str) -> str | None:
        """Count any request. Returns the lines of its RateLimit fields; None, uncounted, beyond the limit."""
        if not self._enabled:
            return ""
        key, rate, policy_line = self._requests_of(address)
        now_ms = self._now_ms()
        allowed, arrival_ms = self._memory.count(key, rate, now_ms=now_ms)
        if not allowed:
            return None
        return f"{policy_line}{RATE_LIMIT_HEADER}: {rate_limit(key[0], rate, ahead_ms=arrival_ms - now_ms)}\r\n"

    def check_client(self, client_id: str, address: str) -> None:
        """Count a request of an authenticated (or public and known) client."""
        self._check_in_memory(policy.CLIENT, address, f"{client_id} {self._network_of(address)}")

    def check_grant(self, grant_id: str) -> None:
        """Count a refresh with a token whose MAC is valid."""
        self._check_in_memory(policy.GRANT, "", grant_id)

    async def check_registration(self, redirect_hosts: Iterable[str], address: str) -> None:
        """Count a registration: per redirect host, then for the subscriber and the site as a whole."""
        subscriber, site = site_of(address)
        for host in sorted(set(redirect_hosts)):
            await self._check_in_redis(policy.REGISTRATION_HOST, address, f"{host} {subscriber}")
        await self._check_in_redis(policy.REGISTRATIONS, address, subscriber)
        await self._check_in_redis(policy.REGISTRATION_SITES, address, site)

    def check_feed(self, size: int, address: str) -> None:
        """Count a response with `size` bytes of status lists; a short one counts as a request only."""
        units = size // policy.FEED_UNIT_BYTES
        if units:
            self._check_in_memory(policy.FEEDS, address, self._network_of(address), cost=units)

    async def check_decision(self, subject: str) -> None:
        """Count a consent decision of a user."""
        await self._check_in_redis(policy.DECISIONS, "", subject)

    async def check_sign_in(self, address: str) -> None:
        """Count a password attempt from a browser that never signed in to the account."""
        await self._check_in_redis(policy.SIGN_INS, address, self._network_of(address))

    async def check_provider_sign_in(self, address: str, *, known_user: str) -> None:
        """Count a sign-in at an identity provider: per user in a browser that signed in before, else per network."""
        if known_user:
            await self._check_in_redis(policy.KNOWN_BROWSER_SIGN_INS, address, known_user)
        else:
            await self._check_in_redis(policy.PROVIDER_SIGN_INS, address, self._network_of(address))

    async def check_provider_sign_ins(self, address: str, *, asked: bool, known_user: str) -> None:
        """Count a sign-in that is about to be stored, against the limits of all together. `asked`: by a button."""
        in_all = policy.PROVIDER_SIGN_INS_IN_ALL if asked else policy.PROVIDER_REDIRECTS_IN_ALL
        if known_user:
            in_all = policy.KNOWN_BROWSER_SIGN_INS_IN_ALL
        await self._check_in_redis(in_all, address, "all")

    def begin_fetch(self, address: str) -> Callable[[], None]:
        """Count a fetch of a URL that a client supplied. Call the result when it has ended."""
        if not self._enabled:
            return lambda: None
        network = network_of(address, ipv6_prefix=policy.FETCH_IPV6_PREFIX)
        is_shared = self.is_shared_network(address)
        at_once = policy.SHARED_CONCURRENT_FETCHES if is_shared else policy.CONCURRENT_FETCHES
        if not self._fetches.enter(network, at_once):
            self._refuse(policy.FETCHES, network, address, f"{at_once} fetches are in progress", retry_after_seconds=5)
        try:
            self._check_in_memory(policy.FETCHES, address, network)
        except TooManyRequests:
            self._fetches.leave(network)
            raise
        return lambda: self._fetches.leave(network)

    def _check_in_memory(self, limit: RateLimit, address: str, key: str, *, cost: int = 1) -> RateDecision | None:
        if not self._enabled:
            return None
        rate = self._rate_for(limit, address)
        decision = self._memory.hit((limit.name, key), rate, now_ms=self._now_ms(), cost=cost)
        self._raise_if_limited(limit, rate, key, address, decision)
        return decision

    async def _check_in_redis(self, limit: RateLimit, address: str, key: str) -> None:
        if not self._enabled:
            return
        rate = self._rate_for(limit, address)
        decision = await self._repository.hit(limit.name, key, rate)
        self._raise_if_limited(limit, rate, key, address, decision)

    def _raise_if_limited(self, limit: RateLimit, rate: Rate, key: str, address: str, decision: RateDecision) -> None:
        if decision.allowed:
            return
        self._refuse(
            limit,
            key,
            address,
            f"{limit.counts}: over {rate.requests} in {rate.seconds} s, burst {rate.burst}",
            retry_after_seconds=whole_seconds(decision.retry_after_ms),
            headers=rate_limit_headers(limit.name, rate, decision),
        )

    def _refuse(
        self,
        limit: RateLimit,
        key: str,
        address: str,
        reason: str,
        *,
        retry_after_seconds: int,
        headers: Mapping[str, str] | None = None,
    ) -> NoReturn:
        self._limited.labels(limit.name).inc()
        if self._audit_limiter.hit((limit.name, key), _AUDIT_RATE, now_ms=self._now_ms()).allowed:
            self._audit.record(AuditEvent.LIMIT_REACHED, limit=limit.name, address=address)
        raise TooManyRequests(
            reason,
            error_id=f"limit_{limit.name}",
            headers={"Retry-After": str(retry_after_seconds), **(headers or {})},
        )

    def _find_rate(self, limit: RateLimit, address: str) -> Rate:
        if not limit.scales_with_network or not self.is_shared_network(address):
            return limit.rate
        return limit.rate.scaled(SHARED_NETWORK_FACTOR)

    def _find_requests_of(self, address: str) -> tuple[tuple[str, str], Rate, str]:
        name, rate = policy.REQUESTS.name, self._rate_for(policy.REQUESTS, address)
        return (name, self._network_of(address)), rate, f"{POLICY_HEADER}: {rate_limit_policy(name, rate)}\r\n"

    def is_shared_network(self, address: str) -> bool:
        """Whether many clients may be behind the address: configured, loopback, private or a unix socket."""
        return is_shared(address, self._shared_networks)

    def headers(self, address: str, decision: RateDecision) -> dict[str, str]:
        """The RateLimit fields for a response to a request that passed `check_request`."""
        return rate_limit_headers(policy.REQUESTS.name, self._rate_for(policy.REQUESTS, address), decision)

    def _now_ms(self) -> int:
        return int(self._monotonic() * 1000)


LimitExceptions = Mapping[tuple[str, str], Callable[[web.Request], Awaitable[bool]]]
"""Functions by method and path that decide whether a request beyond the limit of its network passes."""

PASSED_LIMIT: Final = web.RequestKey("passed_limit", bool)
"""Set for a request that passed although its network is over the limit: it passes other limits by network too."""


def rate_limit_middleware(limits: RateLimits, *, exceptions: LimitExceptions) -> Middleware:
    """Make the middleware; inside the request middleware, so that its refusals are rendered and logged."""
    delay = RefusalDelay()

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in PROBED_PATHS:
            return await handler(request)
        address = request[CLIENT_ADDRESS]
        decision = None
        try:
            decision = limits.check_request(address)
        except TooManyRequests:
            passes = exceptions.get((request.method, request.path))
            if passes is None or not await passes(request):
                await delay.wait(address)
                raise
            request[PASSED_LIMIT] = True
        response = await handler(request)
        if decision is not None and not response.prepared:
            response.headers.update(limits.headers(address, decision))
        return response

    return check
