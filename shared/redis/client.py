"""The connection to Redis or Valkey: bounded, impatient, and never re-running a write by itself.

redis-py's defaults repeat a command whose answer was lost; an authorization code is then consumed twice and the
honest client gets nothing. Here there are no retries: an unclear outcome is `RedisUnavailable` (503), and every
step that matters is a script whose repetition by the caller is safe (invariants 3, 6 and 8).
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisClusterException, RedisError

from shared.errors import RedisUnavailable
from shared.redis.batching import ScriptBatcher

if TYPE_CHECKING:
    from redis.asyncio.client import PubSub
    from redis.asyncio.cluster import RedisCluster

    AnyRedis = Redis | RedisCluster

Argument = str | bytes | int | float

DEFAULT_TIMEOUT_SECONDS: Final = 2.0
SCAN_PAGE: Final = 500

FAULTS: Final = (RedisError, RedisClusterException, OSError, TimeoutError)
"""All that the client library raises when a store is away, slow, full or in the wrong role.

RedisClusterException, "no node can be reached" for one, is no RedisError.
"""

COMMAND_FAULTS: Final = (*FAULTS, AttributeError, RuntimeError)
"""What a command may end in. In a failover redis-py 8.1 ends a cluster's idle connections while others take them;
who got half a connection sees an AttributeError or a RuntimeError. Tasks that outlive faults must outlive these."""


def no_retry() -> Retry:
    """The library's own repetition, switched off."""
    return Retry(NoBackoff(), 0)


class Script:
    """One Lua script: an atomic step. The text's first comment lines state its invariant."""

    __slots__ = ("digest", "name", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class RedisClient(Protocol):
    """What the rooms of storage need of a store. Every method raises at most RedisUnavailable."""

    @property
    def fails_over(self) -> bool:
        """Whether a replica takes the place of a primary that is lost."""

    async def command(self, *args: Argument) -> Any:
        """Run one command."""

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        """Run one script atomically. All keys must hash to one slot."""

    async def pipeline(self, commands: Iterable[Sequence[Argument]]) -> list[Any]:
        """Send several commands in one round trip; not atomic. One error fails the whole."""

    async def ask_primaries(self, *args: Argument) -> list[Any]:
        """Run one command that names no key on each primary: the answers of those that are there.

        In the place of one that is away stands a RedisUnavailable; it is not raised.
        """

    def scan(self, pattern: str) -> AsyncIterator[list[str]]:
        """Pages of key names that match, each at least once: for the operator's commands, never for a request."""

    def subscribe(self, *channels: str) -> Any:
        """An async context manager yielding an async iterator of (channel, message) pairs."""

    async def close(self) -> None:
        """Close all connections."""


class BaseRedisClient:
    """What every topology shares: one client for commands, one for listening, and the translation of faults.

    Values are text: everything stored is UTF-8 or ASCII armour.
    """

    fails_over = True

    def __init__(
        self, *, client: AnyRedis, listener: AnyRedis, places: AbstractAsyncContextManager[Any] | None = None
    ) -> None:
        """`places` is held around each command, where the client's own pool cannot wait for a free connection."""
        self._redis = client
        self._listener = listener
        self._places: AbstractAsyncContextManager[Any] = places or nullcontext()
        self._execute_script: Callable[..., Awaitable[Any]] = client.execute_command

    async def command(self, *args: Argument) -> Any:
        try:
            async with self._places:
                return await self._redis.execute_command(*args)
        except COMMAND_FAULTS as exc:
            raise unavailable(exc) from exc

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        try:
            async with self._places:
                try:
                    return await self._execute_script("EVALSHA", script.digest, len(keys), *keys, *args)
                except NoScriptError:
                    # Nothing has run: the server did not know the script. Safe to send it whole.
                    return await self._execute_script("EVAL", script.text, len(keys), *keys, *args)
        except COMMAND_FAULTS as exc:
            raise unavailable(exc, script.name) from exc

    async def pipeline(self, commands: Iterable[Sequence[Argument]]) -> list[Any]:
        try:
            async with self._places, self._redis.pipeline(transaction=False) as pipe:
                for command in commands:
                    pipe.execute_command(*command)
                return await pipe.execute()
        except COMMAND_FAULTS as exc:
            raise unavailable(exc) from exc

    async def ask_primaries(self, *args: Argument) -> list[Any]:
        try:
            return [await self.command(*args)]
        except RedisUnavailable as exc:
            return [exc]

    async def scan(self, pattern: str) -> AsyncIterator[list[str]]:
        """Pages of key names, for the operator's commands; each key at least once. Raises RedisUnavailable."""
        cursor = "0"
        while True:
            cursor, keys = await self.command("SCAN", cursor, "MATCH", pattern, "COUNT", SCAN_PAGE)
            if keys:
                yield keys
            if str(cursor) == "0":
                return

    @asynccontextmanager
    async def subscribe(self, *channels: str) -> AsyncIterator[AsyncIterator[tuple[str, str]]]:
        try:
            # A cluster has to be known before a channel can be placed; elsewhere this does nothing.
            await self._listener.initialize()
        except FAULTS as exc:
            raise unavailable(exc) from exc
        pubsub: PubSub = self._listener.pubsub(ignore_subscribe_messages=True)
        try:
            await pubsub.subscribe(*channels)
            yield _messages(pubsub)
        except FAULTS as exc:
            raise unavailable(exc) from exc
        finally:
            with suppress(*FAULTS):
                await pubsub.aclose()

    async def close(self) -> None:
        for client in (self._redis, self._listener):
            with suppress(*FAULTS):
                await client.aclose()


class SingleRedisClient(BaseRedisClient):
    """A store of one address."""

    fails_over = False

    def __init__(self, url: str, *, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS, connections: int = 64) -> None:
        """`url` is redis://, rediss:// or unix://. Timeouts in seconds, for connecting and for each answer."""
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=connections,
            timeout=timeout_seconds,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            retry=no_retry(),
            decode_responses=True,
            health_check_interval=0,
        )
        client = Redis.from_pool(pool)
        # Waiting for messages may take for ever: its own connections, without an answer timeout.
        listener = Redis.from_url(
            url,
            socket_timeout=None,
            socket_connect_timeout=timeout_seconds,
            retry=no_retry(),
            decode_responses=True,
        )
        super().__init__(client=client, listener=listener)
        # Only a maker of connections: the batcher keeps them, and bounds the time of a batch as a whole.
        scripting = ConnectionPool.from_url(
            url, socket_timeout=None, socket_connect_timeout=timeout_seconds, retry=no_retry(), decode_responses=True
        )
        self._scripts = ScriptBatcher(scripting.make_connection, timeout_seconds=timeout_seconds)
        self._execute_script = self._scripts.execute

    async def close(self) -> None:
        await self._scripts.close()
        await super().close()


async def _messages(pubsub: PubSub) -> AsyncIterator[tuple[str, str]]:
    async for message in pubsub.listen():
        if message["type"] == "message":
            yield str(message["channel"]), str(message["data"])


def unavailable(exc: BaseException, step: str = "command") -> RedisUnavailable:
    """The one translation of what the client library raises."""
    return RedisUnavailable(f"{step}: {type(exc).__name__}: {exc}"[:300])
