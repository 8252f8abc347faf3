"""The client for a cluster: each command runs on the primary of its slot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import TYPE_CHECKING, Any

from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from shared.errors import RedisUnavailable
from shared.redis.client import (
    CLIENT_ERRORS,
    COMMAND_ERRORS,
    SCAN_PAGE,
    Argument,
    BaseRedisClient,
    no_retry,
    to_redis_unavailable,
)

if TYPE_CHECKING:
    from shared.redis.address import RedisAddress


class _ClusterCommandLimiter(AbstractAsyncContextManager[None]):
    """Bounds the commands in progress, and discovers the nodes before the first one.

    redis-py 8.1 breaks connections if the first commands of a client are concurrent; a discovery beforehand, shared by
    all of them, avoids that. Once the nodes are known it costs nothing.
    """

    def __init__(self, cluster: RedisCluster, commands: int) -> None:
        self._cluster = cluster
        self._semaphore = asyncio.Semaphore(commands)

    async def __aenter__(self) -> None:
        await self._semaphore.acquire()
        try:
            await self._cluster.initialize()
        except BaseException:
            self._semaphore.release()
            raise

    async def __aexit__(self, *_exc: object) -> None:
        self._semaphore.release()


class ClusterRedisClient(BaseRedisClient):
    """A cluster. The keys of a script share a hash tag, and so a slot."""

    def __init__(self, address: RedisAddress, *, timeout_seconds: float, connections: int) -> None:
        """Timeouts in seconds; `connections` bounds the commands in progress."""
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
        self._pubsub_cluster = RedisCluster(
            startup_nodes=[ClusterNode(host, port) for host, port in address.hosts], socket_timeout=None, **common
        )
        limiter = _ClusterCommandLimiter(self._cluster, connections)
        super().__init__(client=self._cluster, pubsub_client=self._pubsub_cluster, limiter=limiter)

    async def close(self) -> None:
        await super().close()
        for client in (self._cluster, self._pubsub_cluster):
            # Between an error and its next discovery, the client's own close leaves the nodes open.
            for nodes in ("nodes_cache", "startup_nodes"):
                with suppress(*CLIENT_ERRORS):
                    await client.nodes_manager.aclose(nodes)

    async def pipeline(self, commands: Iterable[Sequence[Argument]]) -> list[Any]:
        try:
            return await super().pipeline(commands)
        except RedisUnavailable as exc:
            if isinstance(exc.__cause__, (RedisConnectionError, RedisTimeoutError)):
                # redis-py 8.1 discovers the nodes again after a failed command, but not after a failed pipeline.
                self._cluster._initialize = True  # noqa: SLF001 - as RedisCluster._execute_command does
            raise

    async def command_on_primaries(self, *args: Argument) -> list[Any]:
        try:
            async with self._limiter:
                return await asyncio.gather(*(self._command_on(node, *args) for node in self._cluster.get_primaries()))
        except COMMAND_ERRORS as exc:
            return [to_redis_unavailable(exc)]

    async def _command_on(self, node: ClusterNode, *args: Argument) -> Any:
        try:
            return await self._cluster.execute_command(*args, target_nodes=node)
        except COMMAND_ERRORS as exc:
            return to_redis_unavailable(exc)

    async def scan(self, pattern: str) -> AsyncIterator[list[str]]:
        page: list[str] = []
        try:
            # Scans every primary; the cursor of one node is meaningless to another.
            async for key in self._cluster.scan_iter(match=pattern, count=SCAN_PAGE):
                page.append(key)
                if len(page) == SCAN_PAGE:
                    yield page
                    page = []
        except COMMAND_ERRORS as exc:
            raise to_redis_unavailable(exc) from exc
        if page:
            yield page
