"""Which core runs what: a process that is measured shares its core with no other that the measurement needs."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator


def two_cores() -> tuple[int, int]:
    """Two cores that this process may use; twice the same where there is only one. Linux."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


def pin(pid: int | None, core: int) -> None:
    """Keep all threads of a process on one core, also those that it starts later."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {core})


@contextmanager
def this_process_on(core: int) -> Iterator[None]:
    """Keep this thread on one core for a while."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def calling_from(core: int, turn: Callable[[], Awaitable[float]]) -> Callable[[], Awaitable[float]]:
    """The same turn of a measurement, with the client on this core."""

    async def pinned() -> float:
        with this_process_on(core):
            return await turn()

    return pinned
