"""The client for Redis or Valkey: bounded connections, short timeouts, no retries.

redis-py repeats a command whose answer was lost by default; an authorization code would be consumed twice and the
client would get nothing. Here an unknown outcome is `RedisUnavailable` (503), and each step that must not be lost is a
script that the caller can safely repeat (invariants 3, 6 and 8).
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, Protocol

from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisClusterException, RedisError

from shared.errors import RedisUnavailable

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.asyncio.client import PubSub
    from redis.asyncio.cluster import RedisCluster

    AnyRedis = Redis | RedisCluster

Argument = str | bytes | int | float

DEFAULT_TIMEOUT_SECONDS: Final = 2.0
SCAN_PAGE: Final = 500

CLIENT_ERRORS: Final = (RedisError, RedisClusterException, OSError, TimeoutError)
"""The exceptions of redis-py when the server is unreachable, slow, full or in the wrong role.

RedisClusterException ("no node can be reached") is not a RedisError.
"""

COMMAND_ERRORS: Final = (*CLIENT_ERRORS, AttributeError, RuntimeError)
"""The exceptions of a command. In a failover redis-py 8.1 closes idle connections of a cluster while other tasks take
them from the pool; these tasks see an AttributeError or a RuntimeError."""


def no_retry() -> Retry:
    """No retries by redis-py."""
    return Retry(NoBackoff(), 0)


class Script:
    """One Lua script: one atomic step. The first comment lines of its text state its invariant."""

    __slots__ = ("digest", "name", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def load_script(package: str, name: str, *, prologue: str = "") -> Script:
    """Read `name`.lua, which is a file of the package that uses it. Raises FileNotFoundError.

    `prologue` is Lua source that several scripts share: it is put before the script, behind its `#!lua` line.
    """
    text = read_lua(package, name)
    flags, line_end, rest = text.partition("\n") if text.startswith("#!") else ("", "", text)
    return Script(name, f"{flags}{line_end}{prologue}{rest}")


def read_lua(package: str, name: str) -> str:
    """The text of `name`.lua, a file of the package. Raises FileNotFoundError."""
    return files(package).joinpath(f"{name}.lua").read_text(encoding="utf-8")


class RedisClient(Protocol):
    """The client as repositories use it. Every method raises at most RedisUnavailable."""

    @property
    def fails_over(self) -> bool:
        """Whether a replica replaces a failed primary."""

    async def command(self, *args: Argument) -> Any:
        """Run one command."""

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        """Run one script atomically. All keys must hash to one slot."""

    async def pipeline(self, commands: Iterable[Sequence[Argument]]) -> list[Any]:
        """Send several commands in one round trip, not atomically. One error fails the call."""

    async def command_on_primaries(self, *args: Argument) -> list[Any]:
        """Run one command without keys on each primary.

        The answer of an unreachable primary is a RedisUnavailable; it is not raised.
        """

    def scan(self, pattern: str) -> AsyncIterator[list[str]]:
        """Pages of matching key names, each at least once: for the operator's commands, never for a request."""

    def subscribe(self, *channels: str) -> Any:
        """An async context manager yielding an async iterator of (channel, message) pairs."""

    async def close(self) -> None:
        """Close all connections."""


class BaseRedisClient:
    """Common to every topology: a client for commands, a client for subscriptions, the translation of errors.

    Values are text: everything stored is UTF-8 or base64.
    """

    fails_over = True

    def __init__(
        self, *, client: AnyRedis, pubsub_client: AnyRedis, limiter: AbstractAsyncContextManager[Any] | None = None
    ) -> None:
        """`limiter` is held around each command, for clients whose pool cannot wait for a free connection."""
        self._redis = client
        self._pubsub_client = pubsub_client
        self._limiter: AbstractAsyncContextManager[Any] = limiter or nullcontext()

    async def command(self, *args: Argument) -> Any:
        try:
            async with self._limiter:
                return await self._redis.execute_command(*args)
        except COMMAND_ERRORS as exc:
            raise to_redis_unavailable(exc) from exc

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        try:
            async with self._limiter:
                try:
                    return await self._redis.execute_command("EVALSHA", script.digest, len(keys), *keys, *args)
                except NoScriptError:
                    # Nothing has run, because the server does not know the script: it is safe to send its text.
                    return await self._redis.execute_command("EVAL", script.text, len(keys), *keys, *args)
        except COMMAND_ERRORS as exc:
            raise to_redis_unavailable(exc, script.name) from exc

    async def pipeline(self, commands: Iterable[Sequence[Argument]]) -> list[Any]:
        try:
            async with self._limiter, self._redis.pipeline(transaction=False) as pipe:
                for command in commands:
                    pipe.execute_command(*command)
                return await pipe.execute()
        except COMMAND_ERRORS as exc:
            raise to_redis_unavailable(exc) from exc

    async def command_on_primaries(self, *args: Argument) -> list[Any]:
        try:
            return [await self.command(*args)]
        except RedisUnavailable as exc:
            return [exc]

    async def scan(self, pattern: str) -> AsyncIterator[list[str]]:
        """Scan one server; a cluster overrides this."""
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
            # A cluster must discover its nodes before it can subscribe; elsewhere this does nothing.
            await self._pubsub_client.initialize()
        except CLIENT_ERRORS as exc:
            raise to_redis_unavailable(exc) from exc
        pubsub: PubSub = self._pubsub_client.pubsub(ignore_subscribe_messages=True)
        try:
            await pubsub.subscribe(*channels)
            yield _messages(pubsub)
        except CLIENT_ERRORS as exc:
            raise to_redis_unavailable(exc) from exc
        finally:
            with suppress(*CLIENT_ERRORS):
                await pubsub.aclose()

    async def close(self) -> None:
        for client in (self._redis, self._pubsub_client):
            with suppress(*CLIENT_ERRORS):
                await client.aclose()


async def _messages(pubsub: PubSub) -> AsyncIterator[tuple[str, str]]:
    async for message in pubsub.listen():
        if message["type"] == "message":
            yield str(message["channel"]), str(message["data"])


def to_redis_unavailable(exc: BaseException, step: str = "command") -> RedisUnavailable:
    """The error for an exception of redis-py."""
    # "unknown command 'HELLO', with args beginning with: …" repeats the arguments: a password, for one.
    text, _, _arguments = str(exc).partition(", with args beginning with")
    return RedisUnavailable(f"{step}: {type(exc).__name__}: {text}"[:300])
