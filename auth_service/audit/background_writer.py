"""A bounded queue between requests and Redis: adding to it never waits and never raises."""

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
_FLUSH_SECONDS: Final = 3.0


class BackgroundWriter(Generic[T]):
    """Passes items to `write`, in order and in batches; items for which there is no room are dropped and counted.

    While Redis is unavailable a batch is retried, so an item may be written twice but is never lost uncounted. A
    batch that fails unexpectedly is dropped and counted, because it would fail again and block all that follow.
    """

    def __init__(
        self, write: Callable[[Sequence[T]], Awaitable[None]], *, dropped: Counter, capacity: int = CAPACITY
    ) -> None:
        """`write` raises ServiceUnavailable when Redis is unavailable."""
        self._write = write
        self._dropped = dropped
        self._capacity = capacity
        self._items: deque[T] = deque()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    def put(self, item: T) -> None:
        """Queue an item; drop and count it if the queue is full."""
        if len(self._items) >= self._capacity:
            self._dropped.inc()
            return
        self._items.append(item)
        self._wake.set()

    async def start(self, supervisor: TaskSupervisor, name: str) -> None:
        """Start writing. `name` is the name of the task (shared.background)."""
        self._task = supervisor.start(name, self._run)

    async def stop(self) -> None:
        """Write the queued items, for at most three seconds; drop and count the rest."""
        # Not cancelled: a batch in progress would be written twice.
        self._stopping = True
        self._wake.set()
        task = self._task or asyncio.create_task(self._run())
        await asyncio.wait([task], timeout=_FLUSH_SECONDS)
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
            self._remove(batch)
            raise
        self._remove(batch)

    def _remove(self, batch: Sequence[T]) -> None:
        for _ in batch:
            self._items.popleft()
