"""The rate limits of mcp_service, and the bounds on what is in progress at once.

Everything is counted in the memory of this replica, per the most specific key that is proven: a request with a valid
token counts for the token and for its subject, never for the network, so that forged tokens from the same address do
not hinder it. Any other request counts for its network. A bound never ends a request that was accepted.

The guard checks `TOKEN` and `SUBJECT`, the endpoint the bounds: the code that runs for each request is in shared/.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NoReturn

from prometheus_client import CollectorRegistry, Counter

from mcp_service.guard.errors import TooManyRequests, TooManyUnauthenticatedRequests
from shared.http.client_address import network_of
from shared.ip_addresses import is_shared
from shared.rates import SHARED_NETWORK_FACTOR, Rate, RequestLimiter, rate_limit_headers, whole_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from shared.access_tokens.profile import VerifiedClaims
    from shared.ip_addresses import IPNetwork
    from shared.rates import RateDecision

TOKEN: Final = Rate(50, 1, burst=500)
"""An agent that calls tools in a loop, a few at a time, stays far below."""
SUBJECT: Final = Rate(200, 1, burst=2000)
UNAUTHENTICATED: Final = Rate(20, 1, burst=400)
"""The rate of the limit `requests` of auth_service: a client asks twice without a token, then never again."""
SESSIONS: Final = Rate(10, 60, burst=100)
"""A server with sessions keeps them in memory: the SDK 10,000 in all, each until it is unused for half an hour."""

RETRY_SECONDS: Final = 5
"""Retry-After of a bound, since the end of a request in progress cannot be foreseen."""


@dataclass(frozen=True, slots=True)
class Bound:
    """The most requests in progress of one token, user or network. A stream only listens, and takes about 45 kB."""

    streams: int
    calls: int


TOKEN_BOUND: Final = Bound(streams=32, calls=256)
SUBJECT_BOUND: Final = Bound(streams=128, calls=1024)
NETWORK_BOUND: Final = Bound(streams=16, calls=64)
"""Without a token: of operations that the scope map calls public."""


class RequestLimits(RequestLimiter):
    """Refuses requests with 429, and counts the refusals."""

    def __init__(
        self,
        *,
        shared_networks: Sequence[IPNetwork],
        registry: CollectorRegistry,
        enabled: bool,
        clock: Callable[[], float],
    ) -> None:
        """`shared_networks`: with many clients behind each address. `clock` is monotonic, in seconds."""
        super().__init__(enabled=enabled, clock=clock)
        self._shared_networks = tuple(shared_networks)
        self._refused = Counter(
            "sallyport_rate_limited_requests", "Requests refused by a rate limit.", ("limit",), registry=registry
        )
        self._factor = lru_cache(10_000)(self._find_factor)
        self._unauthenticated = lru_cache(10_000)(self._find_unauthenticated)

    def check_unauthenticated(self, address: str) -> None:
        """Count a request without a valid token. Raises TooManyUnauthenticatedRequests beyond the rate."""
        network, rate = self._unauthenticated(address)
        self.check("unauthenticated", network, rate)

    def admit_unauthenticated(self, address: str) -> str | None:
        """Count a request without a valid token: None, without effect, beyond the rate; else the empty header block."""
        network, rate = self._unauthenticated(address)
        return "" if self.allows("unauthenticated", network, rate) else None

    def check_session(self, claims: VerifiedClaims | None, address: str) -> None:
        """Count a new session of a user, or of a network without a token. Raises TooManyRequests beyond the rate."""
        if claims is None:
            self.check("sessions", network_of(address), SESSIONS.scaled(self._factor(address)))
        else:
            self.check("sessions", ("subject", claims.subject), SESSIONS)

    def network_bound(self, address: str, *, is_stream: bool) -> tuple[tuple[str, Hashable], int]:
        """The bound on requests without a token that are in progress."""
        name, most = ("network_streams", NETWORK_BOUND.streams) if is_stream else ("network_calls", NETWORK_BOUND.calls)
        return (name, network_of(address)), most * self._factor(address)

    def refuse_request(self, name: str, rate: Rate, decision: RateDecision) -> NoReturn:
        self._refused.labels(name).inc()
        error = TooManyUnauthenticatedRequests if name == "unauthenticated" else TooManyRequests
        raise error(
            f"over {rate.requests} requests in {rate.seconds} s, burst {rate.burst}",
            error_id=f"limit_{name}",
            headers={
                "Retry-After": str(whole_seconds(decision.retry_after_ms)),
                **rate_limit_headers(name, rate, decision),
            },
        )

    def refuse_another(self, name: str, most: int) -> NoReturn:
        self._refused.labels(name).inc()
        raise TooManyRequests(
            f"{most} {name} are in progress", error_id=f"limit_{name}", headers={"Retry-After": str(RETRY_SECONDS)}
        )

    def _find_unauthenticated(self, address: str) -> tuple[str, Rate]:
        return network_of(address), UNAUTHENTICATED.scaled(self._factor(address))

    def _find_factor(self, address: str) -> int:
        return SHARED_NETWORK_FACTOR if is_shared(address, self._shared_networks) else 1
