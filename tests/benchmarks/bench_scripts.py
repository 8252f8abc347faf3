"""Scripts through the batcher, against redis-py's pool and against redis-py's pipelines filled once per loop turn.

All three in this process, on a real server, in turns: 64 callers that each send the script of the rate limits again as
soon as it is answered.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis

from devstack.embedded_store import EmbeddedStore
from shared.redis.client import load_script, no_retry
from shared.redis.single import MAX_CONNECTIONS, ScriptBatcher
from tests.benchmarks.harness import in_turns

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.benchmarks.harness import Report

CALLERS = 64
CALLS = 5000
ROUNDS = 9
TIMEOUT_SECONDS = 2.0

GCRA = load_script("auth_service.rate_limits", "gcra")


class PipelineBatcher:
    """Collects the calls of one loop turn into one redis-py pipeline."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._waiting: list[tuple[tuple[Any, ...], asyncio.Future[Any]]] = []
        self._sending: set[asyncio.Task[None]] = set()

    async def execute(self, *args: Any) -> Any:
        """The answer to one command."""
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append((args, answer))
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._flush)
        return await answer

    def _flush(self) -> None:
        if not self._waiting or len(self._sending) >= MAX_CONNECTIONS:
            return
        batch, self._waiting = self._waiting, []
        task = asyncio.ensure_future(self._send(batch))
        self._sending.add(task)
        task.add_done_callback(self._sent)

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        task.result()
        self._flush()

    async def _send(self, batch: list[tuple[tuple[Any, ...], asyncio.Future[Any]]]) -> None:
        async with asyncio.timeout(TIMEOUT_SECONDS), self._redis.pipeline(transaction=False) as pipe:
            for args, _answer in batch:
                pipe.execute_command(*args)
            for (_args, answer), outcome in zip(batch, await pipe.execute(), strict=True):
                answer.set_result(outcome)


async def run(report: Report) -> None:
    """Compare the costs of one call."""
    with tempfile.TemporaryDirectory(prefix="sp-") as directory, EmbeddedStore(Path(directory)) as server:
        pool = Redis.from_pool(_pool(server.url, CALLERS))
        pipelines = Redis.from_pool(_pool(server.url, MAX_CONNECTIONS))
        connections = ConnectionPool.from_url(server.url, retry=no_retry(), decode_responses=True, socket_timeout=None)
        batcher = ScriptBatcher(connections.make_connection, timeout_seconds=TIMEOUT_SECONDS)
        await pool.script_load(GCRA.text)
        calls = max(CALLERS, round(CALLS * report.seconds))
        yardsticks = {"redis-py's pool": pool.execute_command, "its pipelines": PipelineBatcher(pipelines).execute}
        for clock, what in ((time.process_time, "processor time"), (time.perf_counter, "time")):
            for name, execute in yardsticks.items():
                await _cost(batcher.execute, calls, clock)
                found = await in_turns(
                    partial(_cost, execute, calls, clock),
                    partial(_cost, batcher.execute, calls, clock),
                    rounds=ROUNDS,
                )
                report.add(
                    f"scripts of {CALLERS} callers through {name}, against the batcher: {what}",
                    found.ratios,
                    at_least=1.1,
                    detail=f"{found.subject * 1e6:.1f} against {found.yardstick * 1e6:.1f} µs",
                )
        await batcher.close()
        await pool.aclose()
        await pipelines.aclose()


def _pool(url: str, connections: int) -> BlockingConnectionPool:
    return BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=TIMEOUT_SECONDS,
        socket_timeout=TIMEOUT_SECONDS,
        retry=no_retry(),
        decode_responses=True,
    )


async def _cost(execute: Callable[..., Awaitable[Any]], calls: int, clock: Callable[[], float]) -> float:
    """Seconds of the clock per call."""
    left = calls

    async def caller(number: int) -> None:
        nonlocal left
        key = f"sp:{{limit:bench:{number}}}:arrival"
        while left > 0:
            left -= 1
            await execute("EVALSHA", GCRA.digest, 1, key, 1, 1_000_000)

    began = clock()
    await asyncio.gather(*(caller(number) for number in range(CALLERS)))
    return (clock() - began) / calls
