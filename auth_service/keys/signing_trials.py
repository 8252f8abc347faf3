"""Decides whether signatures are made in the event loop's thread or in one beside it. Pure: readings are passed in.

A thread is worth it where a core is free, and costs time where none is: handing over takes a tenth of a signature.
Whether one is free depends on other processes and on the quota of a container, and changes. So it is not looked up but
tried: every few seconds of load both places take turns. The thread is kept if with it the process used more than one
core, and more signatures were made per second. As soon as it uses no more than one core, it signs by itself again: a
core is not free any more, or there is so little to do that one is enough. A single client that waits for each answer is
answered faster without the thread.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

TURN_SECONDS: Final = 0.15
REST_SECONDS: Final = 8.0
"""The seconds between two trials. Without a free core a trial slows down 0.15 of 8.3 s."""
CHECK_SECONDS: Final = 0.5
"""The seconds between two checks that the thread still has a core."""

MIN_PER_SECOND: Final = 200
"""Below this rate a core is idle most of the time, and nothing waits for a signature."""
MIN_CORES: Final = 1.15
"""The cores that the process must use with the thread: one, and as much of another as pays for the thread."""
GAIN_TO_ENTER: Final = 1.08
GAIN_TO_STAY: Final = 1.0
"""The ratio of signature rates at which the thread is used, or kept. They differ, so that noise does not switch it."""

_IN_THREAD: Final = (False, True, True, False)
"""The turns of a trial, in an order by which load that rises or falls evenly favours neither place."""


class Turn(NamedTuple):
    """Where signatures are made, until the time of the next turn in seconds."""

    in_thread: bool
    until: float


class _Measured(NamedTuple):
    signatures: int
    seconds: float
    cores: float


class SigningTrials:
    """Decides where signatures are made, a turn at a time. Times in seconds of a clock that never goes back."""

    def __init__(self, *, cores: int, process_time: Callable[[], float]) -> None:
        """`cores`: how many this process may use; with one there is nothing to try.

        `process_time` reads the processor time of this process, all threads together, in seconds.
        """
        self._has_cores = cores > 1
        self._process_time = process_time
        self._is_in_thread = False
        self._next_trial = 0.0
        self._number: int | None = None
        """The number of the turn of a trial; None between trials."""
        self._turns: list[_Measured] = []
        self._began = self._process_began = 0.0

    def next_turn(self, now: float, signatures: int) -> Turn:
        """Evaluate the turn that is over, in which `signatures` were made, and begin another."""
        if not self._has_cores:
            return Turn(in_thread=False, until=math.inf)
        if self._number is not None:
            self._end_turn(self._number, now, self._measured(now, signatures))
        elif now >= self._next_trial:
            self._begin(0, now)
        else:
            self._is_in_thread = self._measured(now, signatures).cores >= MIN_CORES
            self._begin(None, now)
        if self._number is not None:
            return Turn(_IN_THREAD[self._number], now + TURN_SECONDS)
        check_at = now + CHECK_SECONDS if self._is_in_thread else math.inf
        return Turn(self._is_in_thread, min(check_at, self._next_trial))

    def _begin(self, number: int | None, now: float) -> None:
        self._number, self._began, self._process_began = number, now, self._process_time()

    def _measured(self, now: float, signatures: int) -> _Measured:
        seconds = now - self._began
        return _Measured(signatures, seconds, (self._process_time() - self._process_began) / seconds)

    def _end_turn(self, number: int, now: float, turn: _Measured) -> None:
        self._turns.append(turn)
        has_load = turn.signatures >= MIN_PER_SECOND * turn.seconds
        if not has_load or (_IN_THREAD[number] and turn.cores < MIN_CORES):
            self._rest(in_thread=False, now=now)
        elif number + 1 < len(_IN_THREAD):
            self._begin(number + 1, now)
        else:
            gain = self._per_second(in_thread=True) / self._per_second(in_thread=False)
            self._rest(in_thread=gain >= (GAIN_TO_STAY if self._is_in_thread else GAIN_TO_ENTER), now=now)

    def _per_second(self, *, in_thread: bool) -> float:
        turns = [turn for turn, place in zip(self._turns, _IN_THREAD, strict=True) if place is in_thread]
        return sum(turn.signatures for turn in turns) / sum(turn.seconds for turn in turns)

    def _rest(self, *, in_thread: bool, now: float) -> None:
        self._is_in_thread, self._next_trial = in_thread, now + REST_SECONDS
        self._turns.clear()
        self._begin(None, now)
