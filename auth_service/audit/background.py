"""A bounded queue between requests and the store: putting never waits and never raises."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from shared.background import end_tasks
from shared.errors import ServiceUnavailable

if TYPE_CHECKING:
    from prometheus_client import Counter

    from shared.background import TaskSupervisor

T = TypeVar("T")

CAPACITY: Final = 4096
BATCH: Final = 128
_RETRY_SECONDS: Final = 1.0
_LAST_CHANCE_SECONDS: Final = 3.0


class BackgroundWriter(Generic[T]):
    """Hands what was put to `write`, in order, in batches; what does not fit is dropped and counted.

    While the store is away a batch is tried again and again, so an item may be written twice, never lost silently. A
    batch that fails unexpectedly is dropped and counted: it would fail again, and hold up all that follow.
    """

    def __init__(
        self, write: Callable[[Sequence[T]], Awaitable[None]], *, dropped: Counter, capacity: int = CAPACITY
    ) -> None:
        """`write` raises ServiceUnavailable when the store is away."""
        self._write = write
        self._dropped = dropped
        self._capacity = capacity
        self._items: deque[T] = deque()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    def put(self, item: T) -> None:
        """Queue an item, or drop it and count it when the queue is full."""
        if len(self._items) >= self._capacity:
            self._dropped.inc()
            return
        self._items.append(item)
        self._wake.set()

    async def start(self, supervisor: TaskSupervisor, name: str) -> None:
        """Begin to write. `name` is the task's (shared.background)."""
        self._task = supervisor.start(name, self._run)

    async def stop(self) -> None:
        """Write what is left, for at most three seconds; count what remains."""
        # Told, not cancelled: a batch that is under way would be written twice.
        self._stopping = True
        self._wake.set()
        task = self._task or asyncio.create_task(self._run())
        await asyncio.wait([task], timeout=_LAST_CHANCE_SECONDS)
        await end_tasks([task])
        self._task = None
        if self._items:
            self._dropped.inc(len(self._items))
            self._items.clear()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            while self._items:
                try:
                    await self._write_batch()
                except ServiceUnavailable:
                    if self._stopping:
                        return
                    await asyncio.sleep(_RETRY_SECONDS)
            if self._stopping:
                return
            await self._wake.wait()

    async def _write_batch(self) -> None:
        batch = [self._items[i] for i in range(min(BATCH, len(self._items)))]
        try:
            await self._write(batch)
        except ServiceUnavailable:
            raise
        except Exception:
            self._dropped.inc(len(batch))
            self._forget(batch)
            raise
        self._forget(batch)

    def _forget(self, batch: Sequence[T]) -> None:
        for _ in batch:
            self._items.popleft()
