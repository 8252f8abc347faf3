"""The open connections of one process, bounded in all and per network of the client.

At a bound, the connection that has waited longest for bytes of its client (idle, half a head, half a body) is closed
and the new one is accepted: idle connections cannot exclude a request. A connection whose request has arrived
completely is never closed; if there are only such, the new connection is refused.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Sized
from contextlib import AbstractContextManager, nullcontext
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final, Protocol

from aiohttp import web
from prometheus_client import Counter, Gauge

from shared.http.client_address import client_address, network_of
from shared.ip_addresses import is_in, parse_networks

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from shared.ip_addresses import IPNetwork

_ENDED_AT_ONCE: Final = 32
"""At the bound in all, one of so many connections is ended at once: to look at each costs milliseconds."""


class CountedConnection(Protocol):
    """A connection as the table sees it."""

    @property
    def waiting_since(self) -> float | None:
        """Since when it waits for bytes, in monotonic seconds; None while a complete request is being answered."""

    def end(self, reason: str) -> None:
        """Close the connection at once; `reason` is a label of the metric."""


class ConnectionSettings(Protocol):
    """The settings of either service that the table needs."""

    @property
    def max_connections(self) -> int:
        """The bound on all open connections."""

    @property
    def max_connections_per_network(self) -> int:
        """The bound on those of one network."""

    @property
    def trusted_proxies(self) -> tuple[str, ...]:
        """Addresses and networks."""


class ConnectionMetrics:
    """Counts open connections, and connections that were ended, by reason."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._open = Gauge(
            "sallyport_http_connections",
            "Open connections; those of authenticated requests in progress are counted apart.",
            ("kind",),
            registry=registry,
        )
        self._ended = Counter(
            "sallyport_http_connections_ended",
            "Connections ended by the server before their time: for a deadline or a bound.",
            ("reason",),
            registry=registry,
        )

    def watch(self, counted: Sized, apart: Sized) -> None:
        """Export the number of each kind, read at each scrape."""
        self._open.labels("counted").set_function(lambda: len(counted))
        self._open.labels("authenticated").set_function(lambda: len(apart))

    def ended(self, reason: str) -> None:
        """Count a connection that was ended; `reason` is one of a closed set."""
        self._ended.labels(reason).inc()


class ConnectionTable:
    """The open connections of one process, and their bounds."""

    def __init__(
        self,
        *,
        max_connections: int = 4096,
        max_per_network: int = 256,
        trusted_proxies: tuple[IPNetwork, ...] = (),
        metrics: ConnectionMetrics | None = None,
    ) -> None:
        """The bound per network does not count for `trusted_proxies`: they speak for many clients."""
        self.max_connections = max_connections
        self.max_per_network = max_per_network
        self._trusted_proxies = trusted_proxies
        self._metrics = metrics
        self._networks: defaultdict[str, dict[CountedConnection, None]] = defaultdict(dict)
        self._network_of: dict[CountedConnection, str] = {}
        self._apart: set[CountedConnection] = set()
        if metrics is not None:
            metrics.watch(self._network_of, self._apart)

    @classmethod
    def from_settings(cls, settings: ConnectionSettings, registry: CollectorRegistry) -> ConnectionTable:
        """Make the table of a service, with its metrics."""
        return cls(
            max_connections=settings.max_connections,
            max_per_network=settings.max_connections_per_network,
            trusted_proxies=parse_networks(settings.trusted_proxies),
            metrics=ConnectionMetrics(registry),
        )

    def limit_to(self, file_descriptors: int) -> None:
        """Leave a quarter of the descriptors to what is not counted: streams, the store, files."""
        self.max_connections = min(self.max_connections, file_descriptors * 3 // 4)

    def enter(self, connection: CountedConnection, peer: str | None) -> bool:
        """Count a new connection; False when it must be refused. `peer` is an address, None for a unix socket."""
        network = self._bounded_network(peer)
        same = self._networks.get(network, {}) if network else {}
        is_full = len(self._network_of) >= self.max_connections
        at_once = max(1, self.max_connections // _ENDED_AT_ONCE)
        if len(same) >= self.max_per_network and not self._make_room(same, 1, "network"):
            return False
        if is_full and not self._make_room(self._network_of, at_once, "total"):
            return False
        self._add(connection, network)
        return True

    def leave(self, connection: CountedConnection) -> None:
        """Forget a connection that has ended."""
        self._apart.discard(connection)
        self._remove(connection)

    def ended(self, reason: str) -> None:
        """Count a connection that the server ends; `reason` is one of a closed set."""
        if self._metrics is not None:
            self._metrics.ended(reason)

    def apart(self, connection: CountedConnection) -> AbstractContextManager[None]:
        """A context in which the connection of an authenticated request counts for no bound of this table."""
        return _Apart(self, connection)

    def set_apart(self, connection: CountedConnection) -> str | None:
        """Take the connection out of all bounds. The network that it counted for, None if it was not counted."""
        network = self._remove(connection)
        if network is not None:
            self._apart.add(connection)
        return network

    def count_again(self, connection: CountedConnection, network: str) -> None:
        """Count a connection that was set apart, unless it has ended since."""
        if connection in self._apart:
            self._apart.discard(connection)
            self._add(connection, network)

    def _bounded_network(self, peer: str | None) -> str:
        address = client_address(peer, (), ())
        if not address or is_in(ip_address(address), self._trusted_proxies):
            return ""
        return network_of(address)

    def _make_room(self, among: Iterable[CountedConnection], count: int, reason: str) -> bool:
        waiting = ((since, id(c), c) for c in among if (since := c.waiting_since) is not None)
        oldest = heapq.nsmallest(count, waiting)
        for _, _, connection in oldest:
            self._remove(connection)
            connection.end(reason)
        if not oldest:
            self.ended(f"{reason}_full")
        return bool(oldest)

    def _add(self, connection: CountedConnection, network: str) -> None:
        self._network_of[connection] = network
        if network:
            self._networks[network][connection] = None

    def _remove(self, connection: CountedConnection) -> str | None:
        network = self._network_of.pop(connection, None)
        if network:
            same = self._networks[network]
            del same[connection]
            if not same:
                del self._networks[network]
        return network


class _Apart:
    """The context of one authenticated request. A generator would cost each of them several times as much."""

    __slots__ = ("_connection", "_network", "_table")

    def __init__(self, table: ConnectionTable, connection: CountedConnection) -> None:
        self._table = table
        self._connection = connection
        self._network: str | None = None

    def __enter__(self) -> None:
        self._network = self._table.set_apart(self._connection)

    def __exit__(self, *_exception: object) -> None:
        if self._network is not None:
            self._table.count_again(self._connection, self._network)


CONNECTIONS: Final = web.AppKey("connections", ConnectionTable)


def counted_as_authenticated(request: web.Request) -> AbstractContextManager[None]:
    """A context in which the connection of this request, whose caller is known, is counted apart."""
    table: ConnectionTable | None = request.app.get(CONNECTIONS)
    connection: Any = request.protocol
    return nullcontext() if table is None else table.apart(connection)
