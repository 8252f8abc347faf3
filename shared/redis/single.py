"""The client for one server, which sends the scripts of one event loop turn in one write.

Measured with 64 concurrent callers (`make bench ARGS=scripts`): a script takes about 5 µs of processor time here, 15 µs
in redis-py pipelines that are filled in the same way, and 52 µs through redis-py's connection pool. docs/benchmarks.md
has the effect on refreshes.

Each caller gets its own answer or its own error. A connection that breaks is an error for all calls of its batch: as
with a single call, it is unknown whether they ran. Nothing is sent twice (invariant 3).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import hiredis
from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError, ResponseError

from shared.redis.client import (
    COMMAND_ERRORS,
    DEFAULT_TIMEOUT_SECONDS,
    Argument,
    BaseRedisClient,
    Script,
    no_retry,
    to_redis_unavailable,
)

if TYPE_CHECKING:
    from redis.asyncio.connection import AbstractConnection

MAX_CONNECTIONS: Final = 16
"""Batches in progress. Calls beyond them wait and form the next batch."""

MAX_WAITING: Final = 4096
"""Waiting calls; further ones fail at once."""


class _Call(NamedTuple):
    packed: bytes
    answer: asyncio.Future[Any]
    deadline: float


class ScriptBatcher:
    """Batches commands that do not block: a blocking one would delay the others of its batch."""

    def __init__(self, new_connection: Callable[[], AbstractConnection], *, timeout_seconds: float) -> None:
        """`new_connection` makes one without a timeout for answers: the deadline of a call covers everything.

        `timeout_seconds` is the time from the call to its answer, including queue and connect.
        """
        self._new_connection = new_connection
        self._timeout = timeout_seconds
        self._waiting: list[_Call] = []
        self._idle: list[AbstractConnection] = []
        self._sending: set[asyncio.Task[None]] = set()
        self._closed = False

    async def execute(self, *args: Any) -> Any:
        """The answer to one command. Raises RedisError, OSError, TimeoutError; TypeError for an unusable argument."""
        if self._closed:
            raise RedisConnectionError("the client is closed")
        if len(self._waiting) >= MAX_WAITING:
            raise RedisConnectionError(f"{MAX_WAITING} scripts are waiting")
        loop = asyncio.get_running_loop()
        call = _Call(hiredis.pack_command(args), loop.create_future(), loop.time() + self._timeout)
        self._waiting.append(call)
        if len(self._waiting) == 1:
            loop.call_soon(self._flush)
        return await call.answer

    async def close(self) -> None:
        """Close the connections. Calls in progress end with an error."""
        self._closed = True
        for call in self._waiting:
            _settle(call.answer, RedisConnectionError("the client was closed"))
        self._waiting.clear()
        for task in self._sending:
            task.cancel()
        if self._sending:
            await asyncio.wait(self._sending)
        while self._idle:
            with suppress(RedisError, OSError):
                await self._idle.pop().disconnect()

    def _flush(self) -> None:
        """Send the waiting calls, unless all connections are in use: then the next one to finish takes them."""
        if len(self._sending) >= MAX_CONNECTIONS:
            return
        now = asyncio.get_running_loop().time()
        for call in self._waiting:
            if call.deadline <= now:
                _settle(call.answer, TimeoutError("no connection became free in time"))
        batch = [call for call in self._waiting if not call.answer.done()]
        self._waiting.clear()
        if batch:
            task = asyncio.ensure_future(self._send(batch))
            self._sending.add(task)
            task.add_done_callback(self._sent)

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        self._flush()

    async def _send(self, batch: list[_Call]) -> None:
        try:
            # The first call has waited longest.
            async with asyncio.timeout_at(batch[0].deadline):
                connection = await self._connection()
                try:
                    await connection.send_packed_command(b"".join([call.packed for call in batch]), check_health=False)
                    for call in batch:
                        _settle(call.answer, await _read(connection))
                except BaseException:
                    await connection.disconnect(nowait=True)
                    raise
            self._idle.append(connection)
        except (Exception, asyncio.CancelledError) as exc:  # noqa: BLE001 - every caller must get an outcome
            failure = exc if isinstance(exc, Exception) else RedisConnectionError("the client was closed")
            for call in batch:
                _settle(call.answer, failure)

    async def _connection(self) -> AbstractConnection:
        """An open connection without unread data."""
        while self._idle:
            connection = self._idle.pop()
            with suppress(RedisError, OSError):
                if connection.is_connected and not await connection.can_read():
                    return connection
            await connection.disconnect(nowait=True)
        connection = self._new_connection()
        try:
            await connection.connect()
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        return connection


class SingleRedisClient(BaseRedisClient):
    """One server. The scripts of one event loop turn go to it in one write."""

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
        # Connections of its own, because waiting for messages must not time out.
        pubsub_client = Redis.from_url(
            url,
            socket_timeout=None,
            socket_connect_timeout=timeout_seconds,
            retry=no_retry(),
            decode_responses=True,
        )
        super().__init__(client=client, pubsub_client=pubsub_client)
        # Only makes connections: the batcher pools them and has a deadline per call.
        factory = ConnectionPool.from_url(
            url, socket_timeout=None, socket_connect_timeout=timeout_seconds, retry=no_retry(), decode_responses=True
        )
        self._scripts = ScriptBatcher(factory.make_connection, timeout_seconds=timeout_seconds)

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        try:
            try:
                return await self._scripts.execute("EVALSHA", script.digest, len(keys), *keys, *args)
            except NoScriptError:
                # As in the base class: nothing has run.
                return await self._scripts.execute("EVAL", script.text, len(keys), *keys, *args)
        except COMMAND_ERRORS as exc:
            raise to_redis_unavailable(exc, script.name) from exc

    async def close(self) -> None:
        await self._scripts.close()
        await super().close()


async def _read(connection: AbstractConnection) -> Any:
    """Read one answer. An error that the server answers is an answer, and the connection stays usable."""
    try:
        return await connection.read_response(disconnect_on_error=False)
    except ResponseError as exc:
        return exc


def _settle(answer: asyncio.Future[Any], outcome: Any) -> None:
    if answer.done():
        return
    if isinstance(outcome, BaseException):
        answer.set_exception(outcome)
    else:
        answer.set_result(outcome)
