"""A store behind Sentinels: the primary that they name, whichever that is."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from redis.asyncio.sentinel import Sentinel

from shared.redis.client import FAULTS, BaseRedisClient, no_retry

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from shared.redis.address import RedisAddress


class _SharedLookUp(Sentinel):
    """Asks the Sentinels once for all who ask at the same time, and to the end, though some no longer wait.

    In a failover every connection asks; each look-up of its own, broken off, would leave a connection behind.
    """

    _under_way: asyncio.Task[tuple[str, int]] | None = None

    async def discover_master(self, service_name: str) -> tuple[str, int]:
        if self._under_way is None:
            self._under_way = asyncio.create_task(super().discover_master(service_name))
            self._under_way.add_done_callback(self._ended)
        return await asyncio.shield(self._under_way)

    def _ended(self, task: asyncio.Task[tuple[str, int]]) -> None:
        self._under_way = None
        if not task.cancelled():
            # Whoever still waits gets it; if nobody does, it has been seen.
            task.exception()

    async def finish(self) -> None:
        """Wait for the look-up under way, if there is one."""
        if self._under_way is not None:
            await asyncio.wait([self._under_way])


class SentinelRedisClient(BaseRedisClient):
    """The primary that the Sentinels name, whichever that is."""

    def __init__(self, address: RedisAddress, *, timeout_seconds: float, connections: int) -> None:
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
        self._watchers = _SharedLookUp(
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
        await self._watchers.finish()
        for watcher in self._watchers.sentinels:
            with suppress(*FAULTS):
                await watcher.aclose()
