"""The last good copies of client metadata documents, shared by all replicas.

| key | type | what | life |
|---|---|---|---|
| `sp:{document:<sha256 of the URL>}` | hash | the document as fetched, and when | 30 days after it was last kept |

Only documents of clients that hold grants are kept: naming a thousand URLs leaves nothing here.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from shared.redis.client import Argument, RedisClient

KEEP_SECONDS: Final = 30 * 86_400


@dataclass(frozen=True, slots=True)
class CimdCopy:
    """One document as fetched. Ages are in seconds, because each process counts by a clock of its own."""

    body: str
    age_seconds: float
    """The seconds since the document was fetched."""
    fresh_seconds: float
    """The seconds for which it is still fresh; negative if it is stale."""


class CimdRepository:
    """Keeps and finds copies, with times in seconds since 1970. All methods raise RedisUnavailable."""

    def __init__(self, redis: RedisClient, *, clock: Callable[[], float] = time.time) -> None:
        self._redis = redis
        self._clock = clock

    async def keep(self, url: str, copy: CimdCopy) -> None:
        """Store the copy, replacing an older one. Repeating it is harmless."""
        key, now = _key(url), self._clock()
        fields: list[Argument] = [
            "url",
            url,
            "body",
            copy.body,
            "fetched_at",
            int(now - copy.age_seconds),
            "fresh_until",
            int(now + copy.fresh_seconds),
        ]
        await self._redis.pipeline([("HSET", key, *fields), ("EXPIRE", key, KEEP_SECONDS)])

    async def drop(self, url: str) -> None:
        """Delete the copy: the document's host withdrew it."""
        await self._redis.command("DEL", _key(url))

    async def find(self, url: str) -> CimdCopy | None:
        """The copy of this URL, if one was kept. A copy from a clock ahead of this one counts as fetched now."""
        fields = await self._redis.command("HGETALL", _key(url))
        if not fields or fields.get("url") != url or "fresh_until" not in fields:
            return None
        fetched_at, fresh_until = int(fields["fetched_at"]), int(fields["fresh_until"])
        now = max(self._clock(), fetched_at)
        return CimdCopy(body=fields["body"], age_seconds=now - fetched_at, fresh_seconds=fresh_until - now)


def _key(url: str) -> str:
    return f"sp:{{document:{hashlib.sha256(url.encode()).hexdigest()}}}"
