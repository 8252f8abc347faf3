"""Ending a background task for certain."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_ASK_AGAIN_SECONDS: Final = 0.1


async def end_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel the tasks and wait until they have ended; an exception that one ended with is not raised here.

    Asking once is not enough: `asyncio.wait_for` of Python 3.11, which redis-py connects with, forgets a
    cancellation that comes in the very step in which its work is done, and the task goes on.
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_ASK_AGAIN_SECONDS)
