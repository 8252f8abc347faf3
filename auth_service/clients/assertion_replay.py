"""Which assertions were used already.

| key | type | what | life |
|---|---|---|---|
| `sp:{assertion:<sha256 of client and jti>}` | string | that it was used | until it could no longer be accepted |
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auth_service.clients.client_assertion import SingleUse
    from shared.redis.client import RedisClient


class JtiReplayStore:
    """Consumes assertions: one atomic step with one winner, whatever the number of replicas (invariant 3)."""

    def __init__(self, store: RedisClient) -> None:
        self._store = store

    async def consume(self, client_id: str, use: SingleUse) -> bool:
        """True for the one caller who used it first. Raises RedisUnavailable."""
        name = hashlib.sha256(json.dumps([client_id, use.token_id]).encode()).hexdigest()
        return await self._store.command("SET", f"sp:{{assertion:{name}}}", "1", "NX", "EXAT", use.until) is not None
