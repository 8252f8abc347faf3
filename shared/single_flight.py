"""One run of a task for all callers that wait for it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Runs one task per key at a time. A cancelled caller does not cancel the task: the others still wait for it."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[T]] = {}

    def is_running(self, key: str) -> bool:
        """Whether a caller would join a task that another has started."""
        return key in self._running

    async def run(self, key: str, work: Callable[[], Awaitable[T]]) -> T:
        """Join the task of this key, or start it. Raises what it raises."""
        task = self._running.get(key)
        if task is None:
            task = asyncio.ensure_future(_as_coroutine(work))
            self._running[key] = task
            task.add_done_callback(lambda done: self._finished(key, done))
        return await asyncio.shield(task)

    async def finish(self) -> None:
        """Wait for the tasks in progress."""
        if self._running:
            await asyncio.wait(self._running.values())

    async def close(self) -> None:
        """Cancel the tasks in progress."""
        for task in list(self._running.values()):
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task

    def _finished(self, key: str, task: asyncio.Task[T]) -> None:
        self._running.pop(key, None)
        if not task.cancelled():
            task.exception()  # If every caller was cancelled, nothing else retrieves it.


async def _as_coroutine(work: Callable[[], Awaitable[T]]) -> T:
    return await work()
