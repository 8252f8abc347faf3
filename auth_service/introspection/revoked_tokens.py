"""The repository of single revoked access tokens: `sp:{<jti>}:revoked`, until the token expires."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.redis.client import RedisClient


class RevokedTokenRepository:
    """Stores revoked token ids. Every method raises RedisUnavailable, and only that."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis

    async def add(self, token_id: str, *, expires_at: int) -> None:
        """Store the id until the token expires (seconds since 1970)."""
        await self._redis.command("SET", _key(token_id), "1", "EXAT", expires_at + 60)

    async def contains(self, token_id: str) -> bool:
        """Whether this token was revoked."""
        return bool(await self._redis.command("EXISTS", _key(token_id)))


def _key(token_id: str) -> str:
    return f"sp:{{{token_id}}}:revoked"
