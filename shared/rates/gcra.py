"""The generic cell rate algorithm (ITU-T I.371): pure arithmetic on one number per key. Times in milliseconds.

That number is the theoretical arrival time: when the key's past requests would have arrived had they been evenly
spaced. A request is allowed if that is not further ahead of now than the burst reaches.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """`requests` per `seconds` in the long run, of which `burst` may come at once."""

    requests: int
    seconds: int
    burst: int

    def __post_init__(self) -> None:
        if min(self.requests, self.seconds, self.burst) < 1 or self.requests > self.seconds * 1000:
            raise ValueError("a rate needs positive numbers and at most a thousand requests a second")

    @property
    def interval_ms(self) -> int:
        """Time between two evenly spaced requests, rounded up."""
        return -(-self.seconds * 1000 // self.requests)

    @property
    def burst_ms(self) -> int:
        """How far the theoretical arrival time may run ahead of now."""
        return self.interval_ms * self.burst

    def times(self, factor: int) -> Rate:
        """The same limit for somebody who speaks for many."""
        return Rate(min(self.requests * factor, self.seconds * 1000), self.seconds, self.burst * factor)


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of one request."""

    allowed: bool
    arrival_ms: int
    """The theoretical arrival time to remember."""
    remaining: int
    """How many more would be allowed at this moment."""
    retry_after_ms: int
    """When a refused request would be allowed; 0 when it was."""
    reset_ms: int
    """When the whole burst is available again."""


def decide(arrival_ms: int | None, now_ms: int, rate: Rate) -> Decision:
    """Decide on one request. `arrival_ms` is what was remembered for the key, None for a new one."""
    base = max(arrival_ms or 0, now_ms)
    following = base + rate.interval_ms
    allowed = following - now_ms <= rate.burst_ms
    return describe(allowed=allowed, arrival_ms=following if allowed else base, now_ms=now_ms, rate=rate)


def describe(*, allowed: bool, arrival_ms: int, now_ms: int, rate: Rate) -> Decision:
    """The decision in the caller's terms, from what the store decided in the same way (rate_limits/gcra.lua)."""
    ahead = max(0, arrival_ms - now_ms)
    return Decision(
        allowed=allowed,
        arrival_ms=arrival_ms,
        remaining=max(0, (rate.burst_ms - ahead) // rate.interval_ms),
        retry_after_ms=0 if allowed else max(1, ahead + rate.interval_ms - rate.burst_ms),
        reset_ms=ahead,
    )
