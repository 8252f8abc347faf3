"""Rotation by itself: one task per process that does what is due by the clock."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Final

from shared.background import end_tasks
from shared.errors import ServiceUnavailable

if TYPE_CHECKING:
    import structlog

    from auth_service.keys.key_ring import KeyRing
    from auth_service.keys.rotator import Rotator
    from shared.background import TaskSupervisor

LOOK_EVERY_SECONDS: Final = 2.0


class RotationSchedule:
    """Looks at the ring in memory now and then. All replicas do; the rotator sees to it that one wins."""

    def __init__(
        self,
        *,
        key_ring: KeyRing,
        rotator: Rotator,
        log: structlog.typing.FilteringBoundLogger,
        look_every_seconds: float = LOOK_EVERY_SECONDS,
    ) -> None:
        self._key_ring = key_ring
        self._rotator = rotator
        self._log = log
        self._look_every_seconds = look_every_seconds
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    async def start(self, supervisor: TaskSupervisor) -> None:
        """Begin to look."""
        self._tasks = (supervisor.start("key_rotation_schedule", self._look),)

    async def stop(self) -> None:
        """Stop looking. A rotation under way is taken up by another replica, or at the next start."""
        await end_tasks(self._tasks)

    async def _look(self) -> None:
        while True:
            # Replicas started together look apart, so that usually one of them alone makes the new key.
            await asyncio.sleep(self._look_every_seconds * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
            try:
                await self._rotator.tick(self._key_ring.ring)
            except ServiceUnavailable as exc:
                self._log.warning("key_rotation_put_off", reason=exc.reason)
