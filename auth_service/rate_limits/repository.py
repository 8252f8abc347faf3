"""Where limits that all replicas share are kept.

Key: sp:{limit:<name>:<digest>}:arrival   string   theoretical arrival time (shared/rates/gcra.py), milliseconds

It expires a second after the allowance is whole again. The digest is a SHA-256, shortened, of what is limited: keys
have one length, whatever a stranger sends.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from shared.rates.gcra import Decision, Rate, describe
from shared.redis.scripts import load_script

if TYPE_CHECKING:
    from shared.redis.client import RedisClient

_GCRA: Final = load_script("auth_service.rate_limits", "gcra")


class RateLimitRepository:
    """Raises RedisUnavailable when the store is away: what that means is each limit's own policy."""

    def __init__(self, store: RedisClient) -> None:
        self._store = store

    async def take(self, name: str, key: str, rate: Rate, *, now_ms: int) -> Decision:
        """Take one request from the key's allowance, atomically."""
        digest = hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:32]
        allowed, arrival = await self._store.run(
            _GCRA, [f"sp:{{limit:{name}:{digest}}}:arrival"], [now_ms, rate.interval_ms, rate.burst_ms]
        )
        return describe(allowed=bool(allowed), arrival_ms=int(arrival), now_ms=now_ms, rate=rate)
