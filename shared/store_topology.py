"""From a URL to a store: one server, a primary watched by Sentinels, or a cluster.

    redis://user:password@host:6379/0                  one server; rediss:// with TLS, unix:///path by socket
    redis+sentinel://user:password@s1:26379,s2:26379/service/0     the primary that the Sentinels name
    redis+cluster://user:password@n1:6379,n2:6379      a cluster; database 0 only

With TLS to the data servers: rediss+sentinel:// and rediss+cluster://. `?sentinel_password=…` is for Sentinels that
want one. Percent-encode what a URL cannot hold.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.sentinel import Sentinel

from shared.errors import Misconfigured
from shared.store import (
    DEFAULT_TIMEOUT_SECONDS,
    FAULTS,
    SCAN_PAGE,
    RedisStore,
    SingleStore,
    Store,
    no_retry,
    unavailable,
)

if TYPE_CHECKING:
    from redis.asyncio import Redis

_SINGLE = ("redis", "rediss", "unix")


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """A URL of several hosts, taken apart."""

    topology: str
    tls: bool
    hosts: tuple[tuple[str, int], ...]
    username: str | None
    password: str | None
    service: str
    database: int
    sentinel_password: str | None


def open_store(url: str, *, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS, connections: int = 64) -> Store:
    """Make the store that the URL describes; nothing is connected yet. Raises Misconfigured."""
    if urlsplit(url).scheme in _SINGLE:
        return SingleStore(url, timeout_seconds=timeout_seconds, connections=connections)
    address = parse_address(url)
    if address.topology == "sentinel":
        return SentinelStore(address, timeout_seconds=timeout_seconds, connections=connections)
    return ClusterStore(address, timeout_seconds=timeout_seconds, connections=connections)


def parse_address(url: str) -> StoreAddress:
    """Take a redis+sentinel:// or redis+cluster:// URL apart. Raises Misconfigured, without the password."""
    parts = urlsplit(url)
    kind, _, topology = parts.scheme.partition("+")
    if kind not in {"redis", "rediss"} or topology not in {"sentinel", "cluster"}:
        raise Misconfigured(
            f"the store's URL begins with {parts.scheme}://; it may be redis, rediss, unix, "
            "or redis/rediss with +sentinel or +cluster"
        )
    credentials, _, places = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    path = [unquote(p) for p in parts.path.split("/") if p]
    query = parse_qs(parts.query)
    if topology == "cluster" and path not in ([], ["0"]):
        raise Misconfigured("a cluster has database 0 only, and no service name")
    if topology == "sentinel" and not 1 <= len(path) <= 2:
        raise Misconfigured("a Sentinel URL names the service: redis+sentinel://host:26379/service")
    try:
        database = int(path[1]) if topology == "sentinel" and len(path) == 2 else 0
    except ValueError as exc:
        raise Misconfigured("the database is not a number") from exc
    return StoreAddress(
        topology=topology,
        tls=kind == "rediss",
        hosts=tuple(_host(place, 26379 if topology == "sentinel" else 6379) for place in places.split(",")),
        username=unquote(username) or None,
        password=unquote(password) or None,
        service=path[0] if topology == "sentinel" else "",
        database=database,
        sentinel_password=query.get("sentinel_password", [None])[0],
    )


def _host(place: str, default_port: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{place}")
        host, port = parts.hostname, parts.port
    except ValueError as exc:
        raise Misconfigured("a host of the store's URL is malformed") from exc
    if not host:
        raise Misconfigured("a host of the store's URL is missing")
    return host, port or default_port


class SentinelStore(RedisStore):
    """The primary that the Sentinels name, whichever that is."""

    def __init__(self, address: StoreAddress, *, timeout_seconds: float, connections: int) -> None:
        """Timeouts in seconds; `connections` bounds the commands under way."""
        common: dict[str, Any] = {
            "username": address.username,
            "password": address.password,
            "db": address.database,
            "ssl": address.tls,
            "socket_connect_timeout": timeout_seconds,
            "retry": no_retry(),
            "decode_responses": True,
        }
        # One dead Sentinel in the list must not cost seconds at each look-up.
        patience = min(timeout_seconds, 0.5)
        self._watchers = Sentinel(
            address.hosts,
            sentinel_kwargs={
                "password": address.sentinel_password,
                "socket_timeout": patience,
                "socket_connect_timeout": patience,
                "retry": no_retry(),
                "decode_responses": True,
            },
        )
        self._client: Redis = self._watchers.master_for(
            address.service, socket_timeout=timeout_seconds, max_connections=connections + 8, **common
        )
        self._listening: Redis = self._watchers.master_for(address.service, socket_timeout=None, **common)
        super().__init__(client=self._client, listener=self._listening, places=asyncio.Semaphore(connections))

    async def close(self) -> None:
        for client in (self._client, self._listening):
            # The pools belong to whoever asked the Sentinels for them.
            with suppress(*FAULTS):
                await client.aclose(close_connection_pool=True)
        for watcher in self._watchers.sentinels:
            with suppress(*FAULTS):
                await watcher.aclose()


class _ClusterPlaces(AbstractAsyncContextManager[None]):
    """A bounded number of places, and a cluster that is known before anybody takes one.

    redis-py 8.1 breaks connections when the first commands of a client arrive together; one look at the cluster
    beforehand, shared by all who wait, avoids that. When the cluster is known, the look costs nothing.
    """

    def __init__(self, cluster: RedisCluster, places: int) -> None:
        self._cluster = cluster
        self._places = asyncio.Semaphore(places)

    async def __aenter__(self) -> None:
        await self._places.acquire()
        try:
            await self._cluster.initialize()
        except BaseException:
            self._places.release()
            raise

    async def __aexit__(self, *_exc: object) -> None:
        self._places.release()


class ClusterStore(RedisStore):
    """A cluster. Every script's keys share a hash tag, and so a slot."""

    def __init__(self, address: StoreAddress, *, timeout_seconds: float, connections: int) -> None:
        """Timeouts in seconds; `connections` bounds the commands under way."""
        common: dict[str, Any] = {
            "username": address.username,
            "password": address.password,
            "ssl": address.tls,
            "socket_connect_timeout": timeout_seconds,
            "retry": no_retry(),
            "decode_responses": True,
        }
        nodes = [ClusterNode(host, port) for host, port in address.hosts]
        self._cluster = RedisCluster(
            startup_nodes=list(nodes), socket_timeout=timeout_seconds, max_connections=connections + 8, **common
        )
        listener = RedisCluster(
            startup_nodes=[ClusterNode(host, port) for host, port in address.hosts], socket_timeout=None, **common
        )
        places = _ClusterPlaces(self._cluster, connections)
        super().__init__(client=self._cluster, listener=listener, places=places)

    async def scan(self, pattern: str) -> AsyncIterator[list[str]]:
        page: list[str] = []
        try:
            # Asks every primary; a cursor of one node means nothing to another.
            async for key in self._cluster.scan_iter(match=pattern, count=SCAN_PAGE):
                page.append(key)
                if len(page) == SCAN_PAGE:
                    yield page
                    page = []
        except FAULTS as exc:
            raise unavailable(exc) from exc
        if page:
            yield page
