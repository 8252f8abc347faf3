"""Background tasks: loops that are restarted after unexpected exceptions, and reliable cancellation."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    import structlog

FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 60.0
_CANCEL_AGAIN_SECONDS: Final = 0.1


class TaskSupervisor:
    """Runs the background loops of one application; make one for each.

    A loop handles the errors that it expects. Any other exception is logged and counted, and the loop is restarted
    after a pause. The pause doubles from one second to a minute, and is reset after a minute without failure.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        log: structlog.typing.FilteringBoundLogger,
        *,
        first_pause_seconds: float = FIRST_PAUSE_SECONDS,
    ) -> None:
        self._failures = Counter(
            "sallyport_background_task_failures",
            "Unexpected exceptions that ended a background task, which was then restarted.",
            ("task",),
            registry=registry,
        )
        self._running = Gauge(
            "sallyport_background_task_running",
            "1 while the background task runs, 0 while it waits to be restarted.",
            ("task",),
            registry=registry,
        )
        self._log = log
        self._first_pause_seconds = first_pause_seconds

    def start(self, name: str, loop: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
        """Run `loop` until it returns or the task is cancelled (`end_tasks`). `name` is the label of the metrics."""
        return asyncio.create_task(self._run(name, loop), name=name)

    async def _run(self, name: str, loop: Callable[[], Coroutine[Any, Any, None]]) -> None:
        failures, running = self._failures.labels(name), self._running.labels(name)
        now = asyncio.get_running_loop().time
        pause = self._first_pause_seconds
        while True:
            started = now()
            running.set(1)
            try:
                await loop()
            except Exception:  # noqa: BLE001 - logged whole and counted; the loop must outlive every exception
                if now() - started >= LONGEST_PAUSE_SECONDS:
                    pause = self._first_pause_seconds
                failures.inc()
                self._log.exception("background_task_failed", task=name, restart_after_seconds=pause)
            else:
                return
            finally:
                running.set(0)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


async def end_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel the tasks and wait until they have ended; their exceptions are not raised here.

    Cancellation is repeated: `asyncio.wait_for` of Python 3.11, which redis-py uses to connect, loses a cancellation
    that arrives in the same loop iteration in which its inner task completes, and the task continues.
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_CANCEL_AGAIN_SECONDS)
