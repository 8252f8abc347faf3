"""The number of the format of the data in Redis: data of another format is refused, not misread.

The number changes with a change that an older or newer version would misread; records that only gain fields keep it
(invariant 11). Key: sp:{data}:format, a string, which never expires.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from shared.background import end_tasks
from shared.errors import RedisUnavailable
from shared.http.health import Readiness

if TYPE_CHECKING:
    import structlog

    from shared.background import TaskSupervisor
    from shared.redis.client import RedisClient

NUMBER: Final = 1
"""The format that this version reads and writes."""

_KEY: Final = "sp:{data}:format"
_PREFIX: Final = "sp:"
_RETRY_SECONDS: Final = 2.0


class UnreadableData(Exception):
    """The data in Redis has another format. The text is for the operator."""


async def check_data_format(redis: RedisClient) -> None:
    """Write the number into an empty Redis, or compare it. Raises UnreadableData, RedisUnavailable.

    Replicas that start at once agree: one of them writes the number, before anything else is written.
    """
    found = await redis.command("GET", _KEY)
    if found is None:
        if not await _has_data(redis):
            await redis.command("SET", _KEY, NUMBER, "NX")
        found = await redis.command("GET", _KEY)
    if found is None:
        raise UnreadableData(
            "the data in Redis was written by a version before formats had numbers; this version reads format "
            f"{NUMBER}. Start with an empty Redis: users, clients and grants have to be made again."
        )
    if str(found) != str(NUMBER):
        raise UnreadableData(
            f"the data in Redis has format {found:.20}; this version reads format {NUMBER}. Run the version that wrote "
            "it, or start with an empty Redis."
        )


async def _has_data(redis: RedisClient) -> bool:
    async for _ in redis.scan(f"{_PREFIX}*"):
        return True
    return False


class DataFormatCheck:
    """Checks the format at the start of the service, or as soon as Redis answers."""

    def __init__(self, redis: RedisClient, log: structlog.typing.FilteringBoundLogger) -> None:
        self._redis = redis
        self._log = log
        self._refused: str | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self, supervisor: TaskSupervisor) -> None:
        """Check now; in the background if Redis is unavailable. Raises UnreadableData."""
        try:
            await check_data_format(self._redis)
        except RedisUnavailable:
            self._task = supervisor.start("data_format", self._check_later)

    async def stop(self) -> None:
        """Stop waiting for Redis."""
        if self._task is not None:
            await end_tasks([self._task])

    async def readiness(self) -> Readiness:
        """Not ready once the data was found to be unreadable: nothing that this replica reads of it is reliable."""
        return Readiness(ready=self._refused is None, impaired=self._refused is not None, note=self._refused or "")

    async def _check_later(self) -> None:
        while True:
            await asyncio.sleep(_RETRY_SECONDS)
            try:
                await check_data_format(self._redis)
            except RedisUnavailable:
                continue
            except UnreadableData as exc:
                self._refused = "data_format"
                self._log.error("data_format_refused", reason=str(exc))
            return
