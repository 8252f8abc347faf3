"""Spreads work over turns of the event loop, so that what arrives meanwhile does not wait for all of it.

A turn runs what was ready when it began, then reads from the sockets. A thousand connections that end in one moment are
one long turn, and a call that arrives in it waits for all of them, in each of the turns that it needs itself.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class TurnLimiter:
    """Runs at most `per_turn` pieces of work in one turn, in the order in which they came."""

    def __init__(self, per_turn: int, *, next_turn: Callable[[Callable[[], None]], object] | None = None) -> None:
        """`next_turn` calls a function in the next turn; by default that of the running event loop."""
        self._per_turn = self._left = per_turn
        self._next_turn = next_turn
        self._waiting: deque[Callable[[], object]] = deque()
        self._is_scheduled = False

    def __len__(self) -> int:
        """The number of pieces of work that wait."""
        return len(self._waiting)

    def call(self, work: Callable[[], object]) -> None:
        """Do the work now if this turn has room for it, and otherwise in a later turn, after all that waits."""
        if not self._is_scheduled:
            self._schedule()
        if self._left == 0:
            self._waiting.append(work)
            return
        self._left -= 1
        work()

    async def turn(self) -> None:
        """Return in this turn if it has room, and otherwise in a later one."""
        if self._left and not self._waiting:
            self.call(_nothing)
            return
        its_turn = asyncio.get_running_loop().create_future()
        self.call(partial(_set, its_turn))
        await its_turn

    def _schedule(self) -> None:
        self._is_scheduled = True
        next_turn = self._next_turn or asyncio.get_running_loop().call_soon
        next_turn(self._run)

    def _run(self) -> None:
        self._is_scheduled, self._left = False, self._per_turn
        try:
            while self._waiting and self._left:
                self._left -= 1
                self._waiting.popleft()()
        finally:
            # Also after work that failed: the rest does not wait for ever.
            if self._waiting:
                self._schedule()


def _nothing() -> None:
    pass


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
