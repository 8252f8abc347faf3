"""One thread that makes signatures beside the event loop: cryptography releases the interpreter lock while it signs.

Whether that pays is decided elsewhere (signing_trials.py); here signatures are handed over and brought back.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_WAITING: Final = 8
"""The maximum signatures in the thread; the event loop makes further ones itself rather than wait."""


class _Job(NamedTuple):
    sign: Callable[[bytes], bytes]
    signing_input: bytes
    answer: asyncio.Future[bytes]


class SigningThread:
    """Belongs to the event loop that asks first. The thread is started by the first signature, and ended by `close`."""

    def __init__(self, *, max_waiting: int = MAX_WAITING) -> None:
        self._max_waiting = max_waiting
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._made: deque[tuple[asyncio.Future[bytes], bytes | BaseException]] = deque()
        self._is_delivery_scheduled = False
        self._waiting = 0
        self._is_running = self._is_closed = False

    @property
    def has_room(self) -> bool:
        """Whether one more signature may be handed over."""
        return self._waiting < self._max_waiting and not self._is_closed

    async def sign(self, sign: Callable[[bytes], bytes], signing_input: bytes) -> bytes:
        """The signature that `sign` makes. Ask `has_room` first. Raises what `sign` raises.

        The signature of a caller that is cancelled is dropped.
        """
        loop = asyncio.get_running_loop()
        if not self._is_running:
            self._start(loop)
        if self._is_closed:
            return sign(signing_input)
        answer: asyncio.Future[bytes] = loop.create_future()
        self._waiting += 1
        self._jobs.put(_Job(sign, signing_input, answer))
        return await answer

    def close(self) -> None:
        """End the thread once it has made what was handed over. Does not wait for it."""
        self._is_closed = True
        self._jobs.put(None)

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            # A daemon: a process that stops waits for its requests, and for no thread.
            threading.Thread(target=self._work, args=(loop,), name="signing", daemon=True).start()
        except RuntimeError:  # the system has no thread left
            self._is_closed = True
        self._is_running = True

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        while (job := self._jobs.get()) is not None:
            outcome: bytes | BaseException
            try:
                outcome = job.sign(job.signing_input)
            except BaseException as exc:  # noqa: BLE001 - the caller gets it, and the thread goes on
                outcome = exc
            self._made.append((job.answer, outcome))
            # One delivery brings everything that was made until then. Appended first: nothing is left behind.
            if not self._is_delivery_scheduled:
                self._is_delivery_scheduled = True
                with suppress(RuntimeError):  # the loop is closed, and with it every caller
                    loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._is_delivery_scheduled = False
        while self._made:
            answer, outcome = self._made.popleft()
            self._waiting -= 1
            if answer.done():  # the caller was cancelled
                continue
            if isinstance(outcome, BaseException):
                answer.set_exception(outcome)
            else:
                answer.set_result(outcome)


def usable_cores() -> int:
    """How many cores this process may run on. A container's quota is not considered: trials show what it leaves."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
