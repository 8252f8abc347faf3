"""Delays of sign-in attempts: they grow with each attempt, and no attacker can lock a user out. Pure.

Attempts are counted, not failures: an attempt counts when its turn has come and before its password is hashed, so that
a hundred concurrent ones are not a hundred free guesses. A request that is refused without a hash is no attempt. A
success clears the count. Times in milliseconds; count_attempt.lua decides by the same arithmetic.

Each account has three kinds of counts:
- A browser that has signed in to the account before has its own count: attempts of others never delay it.
- Any other browser shares the count of its network (`SIGN_INS` in rate_limits/policy.py also bounds the network over
  all accounts).
- All unknown browsers together: beyond `UNDER_ATTACK` attempts, each network has one free guess instead of five. A
  network without an attempt is never delayed, so the user on a new device is not either.
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
    """The number of attempts, and the time of the last one."""

    count: int
    last_ms: int


KNOWN_BROWSER: Final = Schedule(free=10, cap_ms=60_000)
UNKNOWN_BROWSER: Final = Schedule(free=5, cap_ms=900_000)
UNKNOWN_BROWSER_UNDER_ATTACK: Final = Schedule(free=1, cap_ms=900_000)
UNDER_ATTACK: Final = 100
FORGET_SECONDS: Final = 3600
"""A count expires after an hour without an attempt; longer than any delay."""

NONE: Final = Attempts(0, 0)


def schedule_for(*, known: bool, account: Attempts) -> Schedule:
    """The schedule that applies to an attempt."""
    if known:
        return KNOWN_BROWSER
    return UNKNOWN_BROWSER_UNDER_ATTACK if account.count >= UNDER_ATTACK else UNKNOWN_BROWSER


def wait_ms(attempts: Attempts, now_ms: int, schedule: Schedule) -> int:
    """How long the next attempt has to wait; 0 if it is allowed now.

    A last attempt in the future shows that the clock was set back, as by a failover to another machine: one attempt
    passes, and is the last one from then on.
    """
    beyond = attempts.count - schedule.free
    if beyond < 0 or attempts.last_ms > now_ms:
        return 0
    delay = min(schedule.cap_ms, 1000 << min(beyond, 20))
    return max(0, attempts.last_ms + delay - now_ms)
