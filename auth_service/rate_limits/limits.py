"""The limits as the endpoints see them: one method for each thing that is counted. Raises TooManyRequests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from prometheus_client import Counter

from auth_service.audit.events import AuditEvent
from auth_service.protocol.errors import TooManyRequests
from auth_service.rate_limits import policy
from shared.http.client_address import network_of
from shared.networks import is_in, parse_networks
from shared.rates.gcra import Rate
from shared.rates.local_buckets import LocalBuckets

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from auth_service.audit.log import AuditLog
    from auth_service.rate_limits.policy import Limit
    from auth_service.rate_limits.repository import RateLimitRepository
    from shared.networks import Network
    from shared.rates.gcra import Decision

_TELL: Final = Rate(1, 60, burst=1)
"""One audit event a minute for each key that is over its limit: a flood is told once, not recorded."""


_INSIDE: Final = parse_networks(
    ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)
"""Loopback and private networks: behind such an address a tunnel or a proxy without X-Forwarded-For may hide many."""


class RateLimits:
    """Counts, and refuses with 429 what is too much."""

    def __init__(
        self,
        *,
        storage: RateLimitRepository,
        shared_networks: Sequence[Network],
        audit: AuditLog,
        registry: CollectorRegistry,
        enabled: bool,
        now: Callable[[], float],
    ) -> None:
        """`shared_networks`: networks whose addresses speak for many people; private ones always do."""
        self._storage = storage
        self._shared_networks = tuple(shared_networks)
        self._audit = audit
        self._refused = Counter("sallyport_limited", "Requests refused by a limit.", ("limit",), registry=registry)
        self._enabled = enabled
        self._now = now
        self._memory = LocalBuckets()
        self._told = LocalBuckets(max_keys=10_000)
        self._rate_for = lru_cache(10_000)(self._find_rate)
        self._network_of = lru_cache(10_000)(network_of)

    def request(self, address: str) -> Decision | None:
        """Any request. None when limits are off."""
        return self._in_memory(policy.REQUESTS, address, self._network_of(address))

    def client(self, client_id: str, address: str) -> None:
        """A request of an authenticated (or public and known) client."""
        self._in_memory(policy.CLIENT, address, f"{client_id} {self._network_of(address)}")

    def grant(self, grant_id: str) -> None:
        """A refresh of a grant whose token carries our mark."""
        self._in_memory(policy.GRANT, "", grant_id)

    async def registration(self, redirect_hosts: Iterable[str], address: str) -> None:
        """A registration: each host that it redirects to, then the network as a whole."""
        network = self._network_of(address)
        for host in sorted(set(redirect_hosts)):
            await self._in_store(policy.REGISTRATION_HOST, address, f"{host} {network}")
        await self._in_store(policy.REGISTRATIONS, address, network)

    async def decision(self, subject: str) -> None:
        """A person's consent or refusal."""
        await self._in_store(policy.DECISIONS, "", subject)

    async def sign_in(self, address: str) -> None:
        """A password from a browser that is not known to belong to the account."""
        await self._in_store(policy.SIGN_INS, address, self._network_of(address))

    def _in_memory(self, limit: Limit, address: str, key: str) -> Decision | None:
        if not self._enabled:
            return None
        rate = self._rate_for(limit, address)
        decision = self._memory.take((limit.name, key), rate, now_ms=self._now_ms())
        self._refuse_unless_allowed(limit, rate, key, address, decision)
        return decision

    async def _in_store(self, limit: Limit, address: str, key: str) -> None:
        if not self._enabled:
            return
        rate = self._rate_for(limit, address)
        decision = await self._storage.take(limit.name, key, rate, now_ms=self._now_ms())
        self._refuse_unless_allowed(limit, rate, key, address, decision)

    def _refuse_unless_allowed(self, limit: Limit, rate: Rate, key: str, address: str, decision: Decision) -> None:
        if decision.allowed:
            return
        self._refused.labels(limit.name).inc()
        if self._told.take((limit.name, key), _TELL, now_ms=self._now_ms()).allowed:
            self._audit.record(AuditEvent.LIMIT_REACHED, limit=limit.name, address=address)
        raise TooManyRequests(
            f"{limit.counts}: over {rate.requests} in {rate.seconds} s, burst {rate.burst}",
            error_id=f"limit_{limit.name}",
            headers={"Retry-After": str(_seconds(decision.retry_after_ms)), **fields_of(limit, rate, decision)},
        )

    def _find_rate(self, limit: Limit, address: str) -> Rate:
        if not limit.widens or not self.speaks_for_many(address):
            return limit.rate
        return limit.rate.times(policy.SHARED_NETWORK_FACTOR)

    def speaks_for_many(self, address: str) -> bool:
        """Whether the address is a known shared egress, this machine's own, or private: a proxy may hide many."""
        try:
            parsed = ip_address(address)
        except ValueError:
            return not address  # a unix socket: a proxy of this machine
        return is_in(parsed, _INSIDE) or is_in(parsed, self._shared_networks)

    def fields(self, address: str, decision: Decision) -> dict[str, str]:
        """The RateLimit fields for an answer that passed `request`."""
        return fields_of(policy.REQUESTS, self._rate_for(policy.REQUESTS, address), decision)

    def _now_ms(self) -> int:
        return int(self._now() * 1000)


def fields_of(limit: Limit, rate: Rate, decision: Decision) -> dict[str, str]:
    """RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-11): quota and window, rest and reset.

    Quota is the burst, window the time in which it refills: that is what a GCRA limit promises.
    """
    window = _seconds(rate.burst_ms)
    return {
        "RateLimit-Policy": f'"{limit.name}";q={rate.burst};w={window}',
        "RateLimit": f'"{limit.name}";r={decision.remaining};t={_seconds(decision.reset_ms)}',
    }


def _seconds(milliseconds: int) -> int:
    return -(-milliseconds // 1000)
