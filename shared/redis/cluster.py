"""A store that is a cluster: keys by slot, each step on the primary that has its slot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, suppress
from typing import TYPE_CHECKING, Any

from redis.asyncio.cluster import ClusterNode, RedisCluster

from shared.redis.client import COMMAND_FAULTS, FAULTS, SCAN_PAGE, Argument, BaseRedisClient, no_retry, unavailable

if TYPE_CHECKING:
    from shared.redis.address import RedisAddress


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


class ClusterRedisClient(BaseRedisClient):
    """A cluster. Every script's keys share a hash tag, and so a slot."""

    def __init__(self, address: RedisAddress, *, timeout_seconds: float, connections: int) -> None:
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
        self._listening = RedisCluster(
            startup_nodes=[ClusterNode(host, port) for host, port in address.hosts], socket_timeout=None, **common
        )
        places = _ClusterPlaces(self._cluster, connections)
        super().__init__(client=self._cluster, listener=self._listening, places=places)

    async def close(self) -> None:
        await super().close()
        for client in (self._cluster, self._listening):
            # Asked to close between a fault and its next look at the cluster, the client itself closes nothing.
            for nodes in ("nodes_cache", "startup_nodes"):
                with suppress(*FAULTS):
                    await client.nodes_manager.aclose(nodes)

    async def ask_primaries(self, *args: Argument) -> list[Any]:
        try:
            async with self._places:
                return await asyncio.gather(*(self._ask(node, *args) for node in self._cluster.get_primaries()))
        except COMMAND_FAULTS as exc:
            return [unavailable(exc)]

    async def _ask(self, node: ClusterNode, *args: Argument) -> Any:
        try:
            return await self._cluster.execute_command(*args, target_nodes=node)
        except COMMAND_FAULTS as exc:
            return unavailable(exc)

    async def scan(self, pattern: str) -> AsyncIterator[list[str]]:
        page: list[str] = []
        try:
            # Asks every primary; a cursor of one node means nothing to another.
            async for key in self._cluster.scan_iter(match=pattern, count=SCAN_PAGE):
                page.append(key)
                if len(page) == SCAN_PAGE:
                    yield page
                    page = []
        except COMMAND_FAULTS as exc:
            raise unavailable(exc) from exc
        if page:
            yield page
