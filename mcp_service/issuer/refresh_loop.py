"""The background task of a cache: one attempt at a time, by schedule or at the request of callers, which share it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from mcp_service.issuer.long_polling import MIN_SPACING_SECONDS
from shared.background import end_tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.background import TaskSupervisor

START_SECONDS: Final = 2.0
"""How long a start waits for the first response, so that the first request need not be answered 503."""


class Attempt(Protocol):
    """Sends one request and handles its outcome; raises nothing."""

    async def __call__(self, wait_seconds: int, *, requested: bool) -> None:
        """`wait_seconds` is how long the issuer may hold the request; `requested`, whether a caller waits for it."""


class RefreshLoop:
    """Runs the attempts of one cache."""

    def __init__(
        self,
        *,
        attempt: Attempt,
        wait_seconds: Callable[[], int],
        delay_seconds: Callable[[], float],
        clock: Callable[[], float],
    ) -> None:
        """`wait_seconds` and `delay_seconds` are of the next scheduled attempt; `clock` is monotonic, in seconds."""
        self._attempt = attempt
        self._wait_seconds = wait_seconds
        self._delay_seconds = delay_seconds
        self._clock = clock
        self._requested: asyncio.Future[None] | None = None
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._attempted = asyncio.Event()
        self.stopping = False

    async def start(self, supervisor: TaskSupervisor, name: str) -> None:
        """Start in the background; return after the first attempt, or after START_SECONDS without one."""
        self._task = supervisor.start(name, self._keep)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._attempted.wait(), START_SECONDS)

    async def stop(self) -> None:
        """End the background task and release its waiters."""
        self.stopping = True
        if self._task is not None:
            await end_tasks([self._task])
        self._settle()

    async def refresh(self) -> None:
        """Have the background task refresh at once and wait for it: one request, whatever the number of waiters."""
        if self.stopping:
            return
        if self._requested is None:
            self._requested = asyncio.get_running_loop().create_future()
            self._wake.set()
        await asyncio.shield(self._requested)

    async def _keep(self) -> None:
        started = float("-inf")
        while True:
            if self._requested is None:
                # The spacing is for an issuer that claims to wait and answers at once.
                pause = max(self._delay_seconds(), MIN_SPACING_SECONDS - (self._clock() - started), 0.0)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), pause)
            requested = self._requested is not None
            wait_seconds = 0 if requested else self._wait_seconds()
            started = self._clock()
            attempt = asyncio.create_task(self._attempt_once(wait_seconds, requested=requested))
            try:
                # A long poll is abandoned for a refresh that was requested.
                await self._unless_woken(attempt, interruptible=wait_seconds > 0)
            finally:
                if not attempt.done():
                    attempt.cancel()
                    with suppress(asyncio.CancelledError):
                        await attempt
            if requested:
                self._settle()

    async def _attempt_once(self, wait_seconds: int, *, requested: bool) -> None:
        await self._attempt(wait_seconds, requested=requested)
        self._attempted.set()

    async def _unless_woken(self, attempt: asyncio.Task[None], *, interruptible: bool) -> None:
        if not interruptible:
            await attempt
            return
        woken = asyncio.create_task(self._wake.wait())
        try:
            await asyncio.wait({attempt, woken}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()
        if attempt.done():
            await attempt

    def _settle(self) -> None:
        self._wake.clear()
        requested, self._requested = self._requested, None
        if requested is not None and not requested.done():
            requested.set_result(None)
