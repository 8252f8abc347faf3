"""How long a sign-in attempt has to wait: growing delays, and nobody locked out by a stranger. Pure.

Attempts are counted, not failures: an attempt counts when it begins, so that a hundred at once are not a hundred
free guesses; a success clears the count. Times in milliseconds.

Three counts for one account:
- a browser that has signed in to the account before has a count of its own: whatever strangers do, its owner signs in;
- any other browser counts with its network (limits/policy.py `SIGN_INS` also bounds the network over all accounts);
- all unknown browsers together: beyond `UNDER_ATTACK` attempts, each network has one free guess instead of five.
  A network that did not guess yet is never delayed, so the owner on a new device is not either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Schedule:
    """`free` attempts without delay; then one second, doubling up to `cap_ms`."""

    free: int
    cap_ms: int


@dataclass(frozen=True, slots=True)
class Attempts:
    """How often it was tried, and when last."""

    count: int
    last_ms: int


KNOWN_BROWSER: Final = Schedule(free=10, cap_ms=60_000)
UNKNOWN_BROWSER: Final = Schedule(free=5, cap_ms=900_000)
UNKNOWN_BROWSER_UNDER_ATTACK: Final = Schedule(free=1, cap_ms=900_000)
UNDER_ATTACK: Final = 100
FORGET_SECONDS: Final = 3600
"""A count is forgotten after an hour without an attempt; longer than any delay."""

NONE: Final = Attempts(0, 0)


def schedule_for(*, known: bool, account: Attempts) -> Schedule:
    """Which schedule holds for an attempt."""
    if known:
        return KNOWN_BROWSER
    return UNKNOWN_BROWSER_UNDER_ATTACK if account.count >= UNDER_ATTACK else UNKNOWN_BROWSER


def wait_ms(attempts: Attempts, now_ms: int, schedule: Schedule) -> int:
    """How long the next attempt has to wait; 0 when it may be made."""
    beyond = attempts.count - schedule.free
    if beyond < 0:
        return 0
    delay = min(schedule.cap_ms, 1000 << min(beyond, 20))
    return max(0, attempts.last_ms + delay - now_ms)


def counted(attempts: Attempts, now_ms: int) -> Attempts:
    """The count with one attempt more."""
    return Attempts(attempts.count + 1, now_ms)
