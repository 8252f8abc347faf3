"""Session tokens that were used: each signs a user in once.

`sp:{session_token:<digest>}` expires when the token would be refused for its age. The digest is that of the signed part
only: an ECDSA signature can be rewritten into another valid one, so that the same token would count as a new one.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.redis.client import RedisClient


class UsedTokensRepository:
    """Consumes session tokens: one atomic step with one winner among all replicas (invariant 3)."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis

    async def consume(self, signed_part: bytes, *, lifetime_seconds: int) -> bool:
        """True for the first use only. Raises RedisUnavailable."""
        name = hashlib.sha256(signed_part).hexdigest()
        key = f"sp:{{session_token:{name}}}"
        return await self._redis.command("SET", key, "1", "NX", "EX", lifetime_seconds) is not None
