"""The readiness of auth_service: whether requests should be sent to this replica (docs/operations.md, "Readiness").

A replica is not ready if another one would serve better: it has no keys to publish, or cannot sign with those that it
has. Redis is shared, so while it is unavailable every replica stays ready and serves what it has in memory; the body
of `/readyz`, the metrics and the alerts name the impairment. No check waits for Redis.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from prometheus_client import Gauge

from auth_service.data_format import UnreadableData, check_data_format
from shared.background import end_tasks
from shared.errors import RedisUnavailable, ServiceUnavailable
from shared.http.health import Readiness

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import structlog
    from prometheus_client import CollectorRegistry

    from shared.background import TaskSupervisor
    from shared.redis.client import RedisClient

INTERVAL_SECONDS: Final = 5.0
NEARLY_FULL: Final = 0.8
"""The share of `maxmemory` that counts as an impairment; the alert SallyportRedisNearlyFull has the same."""
_PUBLISHABLE: Final = frozenset({"keys_confirmed"})
"""The `error_id`s of a signer whose keys can still be published. Redis is the cause, for all replicas."""


class CanSign(Protocol):
    """A component that signs tokens."""

    def ready(self) -> None:
        """Raise ServiceUnavailable if it cannot sign now."""


def signing_check(signer: CanSign) -> Callable[[], Awaitable[Readiness]]:
    """A check: ready if the signer can sign, or if at least its keys can be published."""

    async def check() -> Readiness:
        try:
            signer.ready()
        except ServiceUnavailable as exc:
            return Readiness(ready=exc.error_id in _PUBLISHABLE, impaired=True, note=exc.error_id)
        return Readiness(ready=True)

    return check


class RedisMonitor:
    """Runs `INFO memory` on each primary every few seconds, for the metrics and for the readiness check."""

    def __init__(
        self, redis: RedisClient, registry: CollectorRegistry, *, interval_seconds: float = INTERVAL_SECONDS
    ) -> None:
        self._redis = redis
        self._interval_seconds = interval_seconds
        self._unreachable = Gauge(
            "sallyport_redis_unreachable_primaries",
            "Primaries of Redis that did not answer the last check.",
            registry=registry,
        )
        self._used_memory_ratio = Gauge(
            "sallyport_redis_used_memory_ratio",
            "used_memory by maxmemory, of the fullest primary; NaN if Redis has no maxmemory.",
            registry=registry,
        )
        self._used_memory_ratio.set(math.nan)
        self._note = ""
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    async def start(self, supervisor: TaskSupervisor) -> None:
        """Start the periodic check."""
        self._tasks = (supervisor.start("redis_monitor", self._check_periodically),)

    async def stop(self) -> None:
        """Stop the check."""
        await end_tasks(self._tasks)
        self._tasks = ()

    async def readiness(self) -> Readiness:
        """Always ready; the note names the impairment that the last check found."""
        return Readiness(ready=True, impaired=bool(self._note), note=self._note)

    async def check(self) -> None:
        """Check each primary once."""
        answers = await self._redis.command_on_primaries("INFO", "memory")
        unreachable = sum(isinstance(answer, RedisUnavailable) for answer in answers)
        ratios = [used_memory_ratio(info) for info in answers if isinstance(info, Mapping)]
        # NaN is neither greater nor less than any number: a primary without a limit must not hide a full one.
        ratio = max((known for known in ratios if not math.isnan(known)), default=math.nan)
        self._unreachable.set(unreachable)
        self._used_memory_ratio.set(ratio)
        if unreachable:
            self._note = f"{unreachable} of {len(answers)} primaries unreachable"
        else:
            self._note = f"memory is {ratio:.0%} full" if ratio >= NEARLY_FULL else ""

    async def _check_periodically(self) -> None:
        while True:
            await self.check()
            await asyncio.sleep(self._interval_seconds)


def used_memory_ratio(info: Mapping[str, Any]) -> float:
    """The share of `maxmemory` in use; NaN if there is none, or if a managed service hides it."""
    limit = int(info.get("maxmemory", 0))
    return int(info.get("used_memory", 0)) / limit if limit else math.nan


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
        """Not ready once the data was found to have another format: this replica would misread it."""
        return Readiness(ready=self._refused is None, impaired=self._refused is not None, note=self._refused or "")

    async def _check_later(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL_SECONDS)
            try:
                await check_data_format(self._redis)
            except RedisUnavailable:
                continue
            except UnreadableData as exc:
                self._refused = "data_format"
                self._log.error("data_format_refused", reason=str(exc))
            return
