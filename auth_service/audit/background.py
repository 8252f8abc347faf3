"""A bounded queue between requests and the store: putting never waits and never raises."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from shared.errors import Fault

if TYPE_CHECKING:
    from prometheus_client import Counter

T = TypeVar("T")

CAPACITY: Final = 4096
BATCH: Final = 128
_RETRY_SECONDS: Final = 1.0
_LAST_CHANCE_SECONDS: Final = 3.0


class BackgroundWriter(Generic[T]):
    """Hands what was put to `write`, in order, in batches; what does not fit is dropped and counted.

    While the store is away a batch is tried again and again, so an item may be written twice, never lost silently.
    """

    def __init__(
        self, write: Callable[[Sequence[T]], Awaitable[None]], *, dropped: Counter, capacity: int = CAPACITY
    ) -> None:
        """`write` raises Fault when the store is away."""
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

    async def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._run(), name="background-writer")

    async def stop(self) -> None:
        """Write what is left, for at most three seconds; count what remains."""
        # Not only cancelled: Python 3.11's wait_for, which redis-py sends with, may swallow a cancellation.
        self._stopping = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        with suppress(TimeoutError, Fault):
            async with asyncio.timeout(_LAST_CHANCE_SECONDS):
                while self._items:
                    await self._write_batch()
        if self._items:
            self._dropped.inc(len(self._items))
            self._items.clear()

    async def _run(self) -> None:
        while not self._stopping:
            await self._wake.wait()
            self._wake.clear()
            while self._items and not self._stopping:
                try:
                    await self._write_batch()
                except Fault:
                    await asyncio.sleep(_RETRY_SECONDS)

    async def _write_batch(self) -> None:
        batch = [self._items[i] for i in range(min(BATCH, len(self._items)))]
        await self._write(batch)
        for _ in batch:
            self._items.popleft()
