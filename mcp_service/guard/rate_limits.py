"""The rate limits of mcp_service, and the bounds on what is in progress at once.

Everything is counted in the memory of this replica, per the most specific key that is proven: a request with a valid
token counts for the token and for its subject, never for the network, so that forged tokens from the same address do
not hinder it. Any other request counts for its network. A bound never ends a request that was accepted.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter

from mcp_service.guard.errors import McpError, TooManyRequests, TooManyUnauthenticatedRequests
from shared.errors import RequestRejected, ServiceUnavailable
from shared.http.client_address import CLIENT_ADDRESS, network_of
from shared.http.refusal_delay import RefusalDelay
from shared.ip_addresses import is_shared
from shared.rates import (
    SHARED_NETWORK_FACTOR,
    ConcurrencyLimiter,
    InMemoryRateLimiter,
    Rate,
    rate_limit_headers,
    whole_seconds,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterator, Sequence

    from aiohttp.typedefs import Handler, Middleware

    from mcp_service.guard.operation import RequestId
    from shared.access_tokens.profile import VerifiedClaims
    from shared.ip_addresses import IPNetwork

TOKEN: Final = Rate(50, 1, burst=500)
"""An agent that calls tools in a loop, a few at a time, stays far below."""
SUBJECT: Final = Rate(200, 1, burst=2000)
UNAUTHENTICATED: Final = Rate(20, 1, burst=400)
"""As the limit `requests` of auth_service: a client asks twice without a token, then never again."""
SESSIONS: Final = Rate(10, 60, burst=100)
"""With MCP_STATEFUL the SDK keeps 10,000 sessions in all, each until it is unused for half an hour."""

RETRY_SECONDS: Final = 5
"""Retry-After of a bound: when something else will have ended is unknown."""

_UNLIMITED: Final = frozenset({"/livez", "/readyz", "/metrics"})


@dataclass(frozen=True, slots=True)
class Bound:
    """How many requests of one kind may be in progress. A stream only listens; about 45 kB each."""

    streams: int
    calls: int


TOKEN_BOUND: Final = Bound(streams=32, calls=256)
SUBJECT_BOUND: Final = Bound(streams=128, calls=1024)
NETWORK_BOUND: Final = Bound(streams=16, calls=64)
"""Without a token: of operations that the scope map calls public."""


class RequestLimits:
    """Counts requests and refuses those beyond a limit with 429."""

    def __init__(
        self,
        *,
        shared_networks: Sequence[IPNetwork],
        registry: CollectorRegistry,
        enabled: bool,
        clock: Callable[[], float],
    ) -> None:
        """`shared_networks`: with many clients behind each address. `clock` is monotonic, in seconds."""
        self._shared_networks = tuple(shared_networks)
        self._refused = Counter(
            "sallyport_rate_limited_requests", "Requests refused by a rate limit.", ("limit",), registry=registry
        )
        self._enabled = enabled
        self._clock = clock
        self._rates = InMemoryRateLimiter()
        self._in_progress = ConcurrencyLimiter()
        self._factor = lru_cache(10_000)(self._find_factor)

    def check_token(self, claims: VerifiedClaims) -> None:
        """A request with a valid token. Raises TooManyRequests."""
        if self._enabled:
            self._check("token", (claims.subject, claims.token_id), TOKEN, TooManyRequests)
            self._check("subject", claims.subject, SUBJECT, TooManyRequests)

    def check_unauthenticated(self, address: str) -> None:
        """A request without a valid token. Raises TooManyUnauthenticatedRequests."""
        if self._enabled:
            rate = UNAUTHENTICATED.scaled(self._factor(address))
            self._check("unauthenticated", network_of(address), rate, TooManyUnauthenticatedRequests)

    def check_session(self, claims: VerifiedClaims | None, address: str) -> None:
        """A new session, of a user or without a token. Raises TooManyRequests."""
        if not self._enabled:
            return
        if claims is None:
            self._check("sessions", network_of(address), SESSIONS.scaled(self._factor(address)), TooManyRequests)
        else:
            self._check("sessions", ("subject", claims.subject), SESSIONS, TooManyRequests)

    @contextmanager
    def in_progress(
        self, claims: VerifiedClaims | None, address: str, *, is_stream: bool, rpc_id: RequestId
    ) -> Iterator[None]:
        """Count a request while it is answered. Raises TooManyRequests with this `rpc_id`."""
        if not self._enabled:
            yield
            return
        with ExitStack() as counted:
            kind = "streams" if is_stream else "calls"
            for holder, key, limit in self._bounds(claims, address, kind):
                name = f"{holder}_{kind}"
                if not self._in_progress.enter((name, key), limit):
                    self._refused.labels(name).inc()
                    error = TooManyRequests(
                        f"{limit} {kind} of one {holder} are in progress",
                        error_id=f"limit_{name}",
                        headers={"Retry-After": str(RETRY_SECONDS)},
                    )
                    error.rpc_id = rpc_id
                    raise error
                counted.callback(self._in_progress.leave, (name, key))
            yield

    def _bounds(self, claims: VerifiedClaims | None, address: str, kind: str) -> Iterator[tuple[str, Hashable, int]]:
        if claims is None:
            yield "network", network_of(address), getattr(NETWORK_BOUND, kind) * self._factor(address)
        else:
            yield "token", (claims.subject, claims.token_id), getattr(TOKEN_BOUND, kind)
            yield "subject", claims.subject, getattr(SUBJECT_BOUND, kind)

    def _check(self, name: str, key: Hashable, rate: Rate, error: type[RequestRejected]) -> None:
        decision = self._rates.hit((name, key), rate, now_ms=int(self._clock() * 1000))
        if decision.allowed:
            return
        self._refused.labels(name).inc()
        raise error(
            f"over {rate.requests} requests in {rate.seconds} s, burst {rate.burst}",
            error_id=f"limit_{name}",
            headers={
                "Retry-After": str(whole_seconds(decision.retry_after_ms)),
                **rate_limit_headers(name, rate, decision),
            },
        )

    def _find_factor(self, address: str) -> int:
        return SHARED_NETWORK_FACTOR if is_shared(address, self._shared_networks) else 1


def rate_limit_middleware(limits: RequestLimits, *, endpoint_paths: Collection[str]) -> Middleware:
    """Make the middleware: it delays refusals, and counts the requests that do not get as far as the guard.

    These are requests for other paths, preflights, and requests that fail the checks of every request.
    """
    delay = RefusalDelay()

    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        address = request[CLIENT_ADDRESS]
        if request.path not in endpoint_paths or request.method == "OPTIONS":
            limits.check_unauthenticated(address)
            return await handler(request)
        try:
            return await handler(request)
        except RequestRejected as error:
            if not isinstance(error, McpError | ServiceUnavailable | TooManyUnauthenticatedRequests):
                limits.check_unauthenticated(address)
            raise

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in _UNLIMITED:
            return await handler(request)
        try:
            return await count(request, handler)
        except (TooManyRequests, TooManyUnauthenticatedRequests):
            await delay.wait(request[CLIENT_ADDRESS])
            raise

    return check
