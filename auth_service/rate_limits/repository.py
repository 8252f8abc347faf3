"""Rate limits that all replicas share.

Key: sp:{limit:<name>:<digest>}:arrival   string   theoretical arrival time (shared/rates.py), milliseconds

It expires a second after the allowance is whole again. The digest is a shortened SHA-256 of what is limited, so that
keys have one length for any input.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from shared.rates import Rate, RateDecision, to_decision
from shared.redis.client import load_script

if TYPE_CHECKING:
    from shared.redis.client import RedisClient

_GCRA: Final = load_script("auth_service.rate_limits", "gcra")


class RateLimitRepository:
    """Counts requests in Redis."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis

    async def hit(self, name: str, key: str, rate: Rate) -> RateDecision:
        """Count one request of the key, atomically, by the clock of Redis. Raises RedisUnavailable."""
        digest = hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:32]
        allowed, arrival, now = await self._redis.run(
            _GCRA, [f"sp:{{limit:{name}:{digest}}}:arrival"], [rate.interval_ms, rate.burst_ms]
        )
        return to_decision(allowed=bool(allowed), arrival_ms=int(arrival), now_ms=int(now), rate=rate)
