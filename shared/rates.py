"""Rate limiting by the generic cell rate algorithm (GCRA, ITU-T I.371). Times in milliseconds.

One number is stored per key, the theoretical arrival time: when the past requests of the key would have arrived had
they been evenly spaced. A request is allowed if that is ahead of now by no more than the burst.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

POLICY_HEADER: Final = "RateLimit-Policy"
RATE_LIMIT_HEADER: Final = "RateLimit"

MAX_KEYS: Final = 100_000
"""About 20 MB."""

SHARED_NETWORK_FACTOR: Final = 20
"""How many times wider a limit per network is where many clients share an address (shared/ip_addresses.py)."""


@dataclass(frozen=True)
class Rate:
    """`requests` per `seconds` in the long run, of which `burst` may arrive at once."""

    requests: int
    seconds: int
    burst: int

    def __post_init__(self) -> None:
        if min(self.requests, self.seconds, self.burst) < 1 or self.requests > self.seconds * 1000:
            raise ValueError("a rate needs positive numbers and at most a thousand requests a second")

    @cached_property
    def interval_ms(self) -> int:
        """Time between two evenly spaced requests, rounded up."""
        return -(-self.seconds * 1000 // self.requests)

    @cached_property
    def burst_ms(self) -> int:
        """The most by which the theoretical arrival time may be ahead of now."""
        return self.interval_ms * self.burst

    def scaled(self, factor: int) -> Rate:
        """The rate with `factor` times the requests and burst."""
        return Rate(min(self.requests * factor, self.seconds * 1000), self.seconds, self.burst * factor)


class RateDecision(NamedTuple):
    """The outcome for one request. A tuple, because one is made for nearly every request."""

    allowed: bool
    arrival_ms: int
    """The theoretical arrival time to store."""
    remaining: int
    """How many more requests would be allowed now."""
    retry_after_ms: int
    """When a refused request would be allowed; 0 for an allowed one."""
    reset_ms: int
    """When the whole burst is available again."""


def decide(arrival_ms: int | None, now_ms: int, rate: Rate, *, cost: int = 1) -> RateDecision:
    """Decide on one request, which counts as `cost` requests.

    `arrival_ms` is the stored value of the key, None for a new key.
    """
    allowed, arrival_ms = _count(arrival_ms, now_ms, rate, cost)
    return to_decision(allowed=allowed, arrival_ms=arrival_ms, now_ms=now_ms, rate=rate, cost=cost)


def _count(arrival_ms: int | None, now_ms: int, rate: Rate, cost: int) -> tuple[bool, int]:
    """Whether the request is allowed, and the arrival time to store.

    A stored value is ahead of now by more than the burst only after the clock was set back. The key would be refused
    for as long as that step, so it counts as new. A step of at most one interval does not make a full key new.
    """
    interval_ms, burst_ms = rate.interval_ms, rate.burst_ms
    if arrival_ms is None or arrival_ms < now_ms or arrival_ms - now_ms > burst_ms + interval_ms:
        arrival_ms = now_ms
    following = arrival_ms + interval_ms * cost
    return (True, following) if following - now_ms <= burst_ms else (False, arrival_ms)


def to_decision(*, allowed: bool, arrival_ms: int, now_ms: int, rate: Rate, cost: int = 1) -> RateDecision:
    """The decision for an outcome computed here or by the equivalent script (rate_limits/gcra.lua)."""
    ahead = max(0, arrival_ms - now_ms)
    return RateDecision(
        allowed=allowed,
        arrival_ms=arrival_ms,
        remaining=_remaining(rate, ahead),
        retry_after_ms=0 if allowed else max(1, ahead + rate.interval_ms * cost - rate.burst_ms),
        reset_ms=ahead,
    )


def rate_limit_headers(name: str, rate: Rate, decision: RateDecision) -> dict[str, str]:
    """RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-11): quota and window, remaining and reset.

    The quota is the burst and the window the time in which it refills: that is the guarantee of GCRA.
    """
    return {
        POLICY_HEADER: rate_limit_policy(name, rate),
        RATE_LIMIT_HEADER: rate_limit(name, rate, ahead_ms=decision.reset_ms),
    }


def rate_limit_policy(name: str, rate: Rate) -> str:
    """The value of RateLimit-Policy, the same for every request."""
    return f'"{name}";q={rate.burst};w={whole_seconds(rate.burst_ms)}'


def rate_limit(name: str, rate: Rate, *, ahead_ms: int) -> str:
    """The value of RateLimit. `ahead_ms`: how far the theoretical arrival time is ahead of now."""
    return f'"{name}";r={_remaining(rate, ahead_ms)};t={whole_seconds(ahead_ms)}'


def _remaining(rate: Rate, ahead_ms: int) -> int:
    return max(0, (rate.burst_ms - ahead_ms) // rate.interval_ms)


def whole_seconds(milliseconds: int) -> int:
    """Milliseconds as whole seconds, rounded up as for Retry-After."""
    return -(-milliseconds // 1000)


class InMemoryRateLimiter:
    """Rate limits of this process. Evicts the key that was idle longest, whose allowance is whole again."""

    def __init__(self, *, max_keys: int = MAX_KEYS) -> None:
        self._arrivals: OrderedDict[Hashable, int] = OrderedDict()
        self._max_keys = max_keys

    def hit(self, key: Hashable, rate: Rate, *, now_ms: int, cost: int = 1) -> RateDecision:
        """Count one request of the key, or `cost` of them together."""
        allowed, arrival_ms = self.count(key, rate, now_ms=now_ms, cost=cost)
        return to_decision(allowed=allowed, arrival_ms=arrival_ms, now_ms=now_ms, rate=rate, cost=cost)

    def count(self, key: Hashable, rate: Rate, *, now_ms: int, cost: int = 1) -> tuple[bool, int]:
        """Count like `hit`; return only whether the request is allowed and the stored arrival time."""
        arrivals = self._arrivals
        allowed, arrival_ms = _count(arrivals.get(key), now_ms, rate, cost)
        arrivals[key] = arrival_ms
        arrivals.move_to_end(key)
        if len(arrivals) > self._max_keys:
            arrivals.popitem(last=False)
        return allowed, arrival_ms


class ConcurrencyLimiter:
    """Bounds how much is in progress at once per key, in this process."""

    def __init__(self) -> None:
        self._in_progress: dict[Hashable, int] = {}

    def enter(self, key: Hashable, limit: int) -> bool:
        """Count one more of this key, unless `limit` are in progress. Call `leave` once for each True."""
        count = self._in_progress.get(key, 0)
        if count >= limit:
            return False
        self._in_progress[key] = count + 1
        return True

    def leave(self, key: Hashable) -> None:
        """Count one less of this key."""
        count = self._in_progress[key] - 1
        if count:
            self._in_progress[key] = count
        else:
            del self._in_progress[key]


class RequestLimiter:
    """The rate and concurrency limits of a service, in memory. A subclass of each service raises the errors."""

    def __init__(self, *, enabled: bool, clock: Callable[[], float]) -> None:
        """`clock` is monotonic, in seconds."""
        self._enabled = enabled
        self._clock = clock
        self._rates = InMemoryRateLimiter()
        self._in_progress = ConcurrencyLimiter()

    def check(self, name: str, key: Hashable, rate: Rate) -> None:
        """Count one request of the key. Raises the error of `refuse_request` beyond the rate."""
        if self._enabled:
            now_ms = int(self._clock() * 1000)
            allowed, arrival_ms = self._rates.count((name, key), rate, now_ms=now_ms)
            if not allowed:
                self.refuse_request(
                    name, rate, to_decision(allowed=False, arrival_ms=arrival_ms, now_ms=now_ms, rate=rate)
                )

    def enter(self, bounds: Sequence[tuple[tuple[str, Hashable], int]]) -> None:
        """Count a request as in progress: (name, key) and most. Call `leave` with the same bounds when it has ended.

        Raises the error of `refuse_another` at a bound; the request is then not counted.
        """
        if not self._enabled:
            return
        for number, (key, most) in enumerate(bounds):
            if not self._in_progress.enter(key, most):
                self.leave(bounds[:number])
                self.refuse_another(key[0], most)

    def leave(self, bounds: Sequence[tuple[tuple[str, Hashable], int]]) -> None:
        """Count the end of a request that was counted for these bounds."""
        if self._enabled:
            for key, _most in bounds:
                self._in_progress.leave(key)

    def refuse_request(self, name: str, rate: Rate, decision: RateDecision) -> NoReturn:
        """Raise the error for a request beyond a rate."""
        raise NotImplementedError

    def refuse_another(self, name: str, most: int) -> NoReturn:
        """Raise the error for a request while as many as allowed are in progress."""
        raise NotImplementedError

    def allows(self, name: str, key: Hashable, rate: Rate) -> bool:
        """Count one request of the key like `check`. False, without effect, beyond the rate."""
        return not self._enabled or self._rates.count((name, key), rate, now_ms=int(self._clock() * 1000))[0]
