"""The last good copies of client metadata documents, shared by all replicas.

| key | type | what | life |
|---|---|---|---|
| `sp:{document:<sha256 of the URL>}` | hash | the document as fetched, and when | 30 days after it was last kept |

Only documents of clients that hold grants are kept: naming a thousand URLs leaves nothing here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from shared.redis.client import Argument, RedisClient

KEEP_SECONDS: Final = 30 * 86_400


@dataclass(frozen=True, slots=True)
class CimdCopy:
    """One document as fetched. Times in seconds since 1970."""

    body: str
    fetched_at: int
    fresh_until: int


class CimdRepository:
    """Keeps and finds copies. All methods raise RedisUnavailable."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis

    async def keep(self, url: str, copy: CimdCopy) -> None:
        """Store the copy, replacing an older one. Repeating it is harmless."""
        key = _key(url)
        fields: list[Argument] = [
            "url",
            url,
            "body",
            copy.body,
            "fetched_at",
            copy.fetched_at,
            "fresh_until",
            copy.fresh_until,
        ]
        await self._redis.pipeline([("HSET", key, *fields), ("EXPIRE", key, KEEP_SECONDS)])

    async def drop(self, url: str) -> None:
        """Delete the copy: the document's host withdrew it."""
        await self._redis.command("DEL", _key(url))

    async def find(self, url: str) -> CimdCopy | None:
        """The copy of this URL, if one was kept."""
        fields = await self._redis.command("HGETALL", _key(url))
        if not fields or fields.get("url") != url or "fresh_until" not in fields:
            return None
        return CimdCopy(
            body=fields["body"], fetched_at=int(fields["fetched_at"]), fresh_until=int(fields["fresh_until"])
        )


def _key(url: str) -> str:
    return f"sp:{{document:{hashlib.sha256(url.encode()).hexdigest()}}}"
