"""Compares the clock of this replica with that of Redis, by which all replicas decide."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from shared.background import end_tasks
from shared.errors import RedisUnavailable

if TYPE_CHECKING:
    from shared.background import TaskSupervisor
    from shared.clock_skew import ClockSkew
    from shared.redis.client import RedisClient

INTERVAL_SECONDS: Final = 60.0


class RedisClockCheck:
    """Runs `TIME` on each primary at the start and once a minute."""

    def __init__(self, redis: RedisClient, skew: ClockSkew, *, interval_seconds: float = INTERVAL_SECONDS) -> None:
        self._redis = redis
        self._skew = skew
        self._interval_seconds = interval_seconds
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    async def start(self, supervisor: TaskSupervisor) -> None:
        """Start the periodic check."""
        self._tasks = (supervisor.start("redis_clock", self._check_periodically),)

    async def stop(self) -> None:
        """Stop the check."""
        await end_tasks(self._tasks)

    async def check(self) -> None:
        """Report the greatest difference to a primary; nothing if none answers, which the monitor of Redis reports."""
        sent = self._skew.now()
        answers = await self._redis.command_on_primaries("TIME")
        read_at = (sent + self._skew.now()) / 2
        skews = [
            read_at - (int(answer[0]) + int(answer[1]) / 1_000_000)
            for answer in answers
            if not isinstance(answer, RedisUnavailable)
        ]
        if skews:
            self._skew.report(max(skews, key=abs))

    async def _check_periodically(self) -> None:
        while True:
            await self.check()
            await asyncio.sleep(self._interval_seconds)
