"""The client for a primary behind Sentinels."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from redis.asyncio.sentinel import Sentinel

from shared.redis.client import CLIENT_ERRORS, BaseRedisClient, no_retry
from shared.single_flight import SingleFlight

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from shared.redis.address import RedisAddress

SENTINEL_TIMEOUT_SECONDS = 0.5
"""An unreachable Sentinel in the list must not cost seconds at each discovery."""


class _SingleFlightSentinel(Sentinel):
    """Discovers the primary once for all concurrent callers, and to the end although callers are cancelled.

    In a failover every connection asks; a cancelled discovery of its own would leak a connection.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.discoveries: SingleFlight[tuple[str, int]] = SingleFlight()

    async def discover_master(self, service_name: str) -> tuple[str, int]:
        return await self.discoveries.run(
            service_name, lambda: super(_SingleFlightSentinel, self).discover_master(service_name)
        )


class SentinelRedisClient(BaseRedisClient):
    """The primary that the Sentinels report."""

    def __init__(self, address: RedisAddress, *, timeout_seconds: float, connections: int) -> None:
        """Timeouts in seconds; `connections` bounds the commands in progress."""
        common: dict[str, Any] = {
            "username": address.username,
            "password": address.password,
            "db": address.database,
            "ssl": address.tls,
            "socket_connect_timeout": timeout_seconds,
            "retry": no_retry(),
            "decode_responses": True,
        }
        sentinel_timeout = min(timeout_seconds, SENTINEL_TIMEOUT_SECONDS)
        self._sentinel = _SingleFlightSentinel(
            address.hosts,
            sentinel_kwargs={
                "password": address.sentinel_password,
                "socket_timeout": sentinel_timeout,
                "socket_connect_timeout": sentinel_timeout,
                "retry": no_retry(),
                "decode_responses": True,
            },
        )
        self._client: Redis = self._sentinel.master_for(
            address.service, socket_timeout=timeout_seconds, max_connections=connections + 8, **common
        )
        self._subscriber: Redis = self._sentinel.master_for(address.service, socket_timeout=None, **common)
        super().__init__(client=self._client, pubsub_client=self._subscriber, limiter=asyncio.Semaphore(connections))

    async def close(self) -> None:
        for client in (self._client, self._subscriber):
            # `master_for` made the pools, so that the clients do not close them by themselves.
            with suppress(*CLIENT_ERRORS):
                await client.aclose(close_connection_pool=True)
        await self._sentinel.discoveries.finish()
        for sentinel in self._sentinel.sentinels:
            with suppress(*CLIENT_ERRORS):
                await sentinel.aclose()
