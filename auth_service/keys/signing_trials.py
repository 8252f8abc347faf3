"""Decides whether signatures are made in the event loop's thread or in one beside it. Pure: readings are passed in.

A thread is worth it where a core is free, and costs time where none is: handing over takes a tenth of a signature.
Whether one is free depends on other processes and on the quota of a container, and changes. So it is not looked up but
tried: every few seconds of load both places take turns. The thread is kept if with it the process used more than one
core, and more signatures were made per second. As soon as it uses no more than one core, it signs by itself again: a
core is not free any more, or there is so little to do that one is enough. A single client that waits for each answer is
answered faster without the thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

TURN_SECONDS: Final = 0.15
REST_SECONDS: Final = 8.0
"""From one trial to the next. Where nothing is free, a trial makes 0.15 of 8.3 s slower."""
CHECK_SECONDS: Final = 0.5
"""How often it is checked that the thread still has a core."""

MIN_PER_SECOND: Final = 200
"""Below this rate a core is idle most of the time, and nothing waits for a signature."""
MIN_CORES: Final = 1.15
"""What the process must use of the machine with the thread: one core, and so much of another that it is worth it."""
GAIN_TO_ENTER: Final = 1.08
GAIN_TO_STAY: Final = 1.0
"""How many times the signatures per second the thread must show: apart, so that noise does not switch it."""

_IN_THREAD: Final = (False, True, True, False)
"""The turns of a trial, in an order by which load that rises or falls evenly favours neither place."""


class _Turn(NamedTuple):
    signatures: int
    seconds: float
    cores: float


class SigningTrials:
    """Says where the next signature is made. Times in seconds of a clock that never goes back."""

    def __init__(self, *, cores: int, process_time: Callable[[], float]) -> None:
        """`cores`: how many this process may use; with one there is nothing to try.

        `process_time` reads the processor time of this process, all threads together, in seconds.
        """
        self._has_cores = cores > 1
        self._process_time = process_time
        self._is_in_thread = False
        self._next_trial = 0.0
        self._turn: int | None = None
        """None between trials."""
        self._turns: list[_Turn] = []
        self._began = self._process_began = 0.0
        self._signatures = 0

    def in_thread(self, now: float) -> bool:
        """Count one signature, and say whether to make it in the thread."""
        if not self._has_cores:
            return False
        seconds = now - self._began
        if self._turn is not None:
            if seconds >= TURN_SECONDS:
                self._end_turn(self._turn, now, self._measured(now))
        elif now >= self._next_trial:
            self._begin(0, now)
        elif self._is_in_thread and seconds >= CHECK_SECONDS:
            self._is_in_thread = self._measured(now).cores >= MIN_CORES
            self._begin(None, now)
        self._signatures += 1
        return self._is_in_thread if self._turn is None else _IN_THREAD[self._turn]

    def _begin(self, turn: int | None, now: float) -> None:
        self._turn, self._began, self._process_began, self._signatures = turn, now, self._process_time(), 0

    def _measured(self, now: float) -> _Turn:
        seconds = now - self._began
        return _Turn(self._signatures, seconds, (self._process_time() - self._process_began) / seconds)

    def _end_turn(self, number: int, now: float, turn: _Turn) -> None:
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
