"""The queue in front of the threads that hash passwords: fair between networks, and bounded by the expected wait.

There are three lanes, which take turns: browsers that have signed in to the account before, first attempts of a network
at an account, and its further attempts. A flood in one lane delays a request of another by a hash or two. Within a lane
the keys take turns: accounts in the first lane, networks in the others. A network with many requests waits for itself
and takes no turn from others.

A request whose expected wait is longer than `MAX_WAIT_SECONDS` is answered 503 at once (invariant 8).
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeVar

from shared.errors import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

MAX_WAIT_SECONDS: Final = 12.0
"""The longest expected wait: users wait that long for a page, and so do gateways in front of the service."""

GIVE_UP_SECONDS: Final = 2 * MAX_WAIT_SECONDS
"""Requests of other networks overtake those of a network with many; after this time the latter are answered 503."""

INITIAL_SECONDS: Final = 0.1
MIN_SECONDS: Final = 0.02
"""The estimate of one turn before the first, and its lower bound, which bounds the number of waiting requests."""

_WEIGHT: Final = 0.1
"""The weight of the newest turn in the estimate, an exponentially weighted mean."""


class Lane(Enum):
    """The lane in which a request waits."""

    KNOWN_BROWSER = "known_browser"
    FIRST_ATTEMPT = "first_attempt"
    """The first attempt of a network at an account within the time that attempts are remembered."""
    FURTHER_ATTEMPT = "further_attempt"


class HashingQueue:
    """Gives turns to at most `slots` requests at a time."""

    def __init__(self, *, slots: int) -> None:
        self._free = slots
        self._slots = slots
        self._lanes = {lane: _RoundRobin() for lane in Lane}
        self._next = list(Lane)
        self._seconds = INITIAL_SECONDS
        self._working = set[asyncio.Future[Any]]()

    async def run(self, lane: Lane, key: str, work: Callable[[], Awaitable[T]]) -> T:
        """Wait for a turn, then do the work.

        A client that disconnects while it waits leaves the queue. Work that has begun is completed: its turn ends with
        the work, so that disconnecting does not make room while a thread is still occupied.

        Raises ServiceUnavailable, with Retry-After, if the expected wait is too long; nothing has been done then.
        """
        await self._turn(lane, key)
        working = asyncio.ensure_future(work())
        self._working.add(working)
        started = time.monotonic()
        working.add_done_callback(lambda done: self._finished(done, time.monotonic() - started))
        return await asyncio.shield(working)

    def observe(self, seconds: float) -> None:
        """Record the seconds of a turn, for the estimate of waits."""
        self._seconds += _WEIGHT * (max(seconds, MIN_SECONDS) - self._seconds)

    def expected_wait(self, lane: Lane, key: str) -> float:
        """Seconds until a request that arrives now would get its turn, if no other arrives."""
        if self._free:
            return 0.0
        in_lane = self._lanes[lane].turns_before(key)
        in_other_lanes = sum(min(len(other), in_lane + 1) for name, other in self._lanes.items() if name is not lane)
        return (in_lane + in_other_lanes + 1) * self._seconds / self._slots

    async def _turn(self, lane: Lane, key: str) -> None:
        if self._free:
            self._free -= 1
            return
        wait = self.expected_wait(lane, key)
        if wait > MAX_WAIT_SECONDS:
            raise _overloaded(wait)
        turn = asyncio.get_running_loop().create_future()
        self._lanes[lane].append(key, turn)
        try:
            async with asyncio.timeout(GIVE_UP_SECONDS):
                await turn
        except BaseException as exc:
            if turn.cancelled():
                self._lanes[lane].remove(key, turn)
            else:
                self._end_turn()  # It was given in the same step of the event loop.
            if isinstance(exc, TimeoutError):
                raise _overloaded(self.expected_wait(lane, key)) from exc
            raise

    def _finished(self, working: asyncio.Future[Any], seconds: float) -> None:
        self._working.discard(working)
        if not working.cancelled() and working.exception() is None:
            self.observe(seconds)  # A turn that failed has not hashed.
        self._end_turn()

    def _end_turn(self) -> None:
        for lane in self._next:
            turn = self._lanes[lane].pop()
            if turn is not None:
                self._next.remove(lane)
                self._next.append(lane)
                turn.set_result(None)
                return
        self._free += 1


class _RoundRobin:
    """Waiting requests by key. The keys take turns; those of one key are served in the order of arrival."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        """The requests by key, in the order of the next turns; no queue is empty."""

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def turns_before(self, key: str) -> int:
        """The number of requests that are served before one that is appended now."""
        round_of_key = len(self._waiting.get(key, ())) + 1
        return sum(min(len(waiting), round_of_key) for waiting in self._waiting.values())

    def append(self, key: str, turn: asyncio.Future[None]) -> None:
        self._waiting.setdefault(key, deque()).append(turn)

    def remove(self, key: str, turn: asyncio.Future[None]) -> None:
        waiting = self._waiting.get(key, deque())
        if turn in waiting:
            waiting.remove(turn)
            if not waiting:
                del self._waiting[key]

    def pop(self) -> asyncio.Future[None] | None:
        """The next request that still waits."""
        while self._waiting:
            key = next(iter(self._waiting))
            waiting = self._waiting.pop(key)
            turn = waiting.popleft()
            if waiting:
                self._waiting[key] = waiting
            if not turn.cancelled():
                return turn
        return None


def _overloaded(wait: float) -> ServiceUnavailable:
    return ServiceUnavailable(
        f"the expected wait for password hashing is {wait:.0f} s",
        error_id="password_queue",
        retry_after_seconds=max(1, math.ceil(wait)),
    )
