"""The repository of status lists.

Keys: sp:{status_lists}:registry   hash     list -> "open", or when it was closed (ms since 1970); does not expire
      sp:{<list>}:status           hash     tag, allocated, until: until the list is removed
      sp:{<list>}:allocated        bitmap   entries in use: until the list is removed
      sp:{<list>}:revoked          set      entries that are revoked: until the list is removed

The steps that allocate and revoke an entry are those of a grant (auth_service/grants, auth_service/authorization).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from auth_service.protocol.opaque import new_identifier
from auth_service.status_lists.identifiers import (
    MAX_LISTS,
    OPEN_LISTS,
    TAG_CHARACTERS,
    allocated_key,
    new_list_id,
    revoked_key,
    status_key,
)
from shared.redis.client import load_script

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shared.redis.client import RedisClient

_REGISTRY: Final = "sp:{status_lists}:registry"
_STATUSES: Final = status_key("*")
_WRITTEN_AT_ONCE: Final = 5000
_RENEW: Final = load_script("auth_service.status_lists", "renew_lists")
_WRITE_BACK: Final = load_script("auth_service.status_lists", "write_back")
_OPEN: Final = load_script("auth_service.status_lists", "open_lists")


@dataclass(frozen=True, slots=True)
class StoredStatusList:
    """One list as stored in Redis. Each change sets another tag.

    `until_ms` is when the last token that may name the list has expired, in milliseconds since 1970.
    """

    list_id: str
    tag: str
    allocated: int
    until_ms: int


class StatusListRepository:
    """Reads lists and opens, closes and removes them. Every method raises RedisUnavailable, and only that."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis

    async def ensure_open(self) -> dict[str, str]:
        """The registry, in which enough lists are open, unless there are too many already."""
        new = [new_list_id() for _ in range(OPEN_LISTS)]
        flat = await self._redis.run(_OPEN, [_REGISTRY], [OPEN_LISTS, MAX_LISTS, *new])
        return dict(zip(flat[::2], flat[1::2], strict=True))

    async def registry(self) -> dict[str, str]:
        """Every list: "open", or when it was closed (ms since 1970)."""
        found: dict[str, str] = await self._redis.command("HGETALL", _REGISTRY)
        return found

    async def states(self, list_ids: Sequence[str]) -> list[StoredStatusList]:
        """The state of each list, in the same order."""
        rows = await self._redis.pipeline([("HMGET", status_key(i), "tag", "allocated", "until") for i in list_ids])
        return [
            StoredStatusList(list_id, (row[0] or list_id)[:TAG_CHARACTERS], int(row[1] or 0), int(row[2] or 0))
            for list_id, row in zip(list_ids, rows, strict=True)
        ]

    async def revoked(self, list_ids: Iterable[str]) -> list[frozenset[int]]:
        """The revoked entries of each list, in the same order."""
        rows = await self._redis.pipeline([("SMEMBERS", revoked_key(i)) for i in list_ids])
        return [frozenset(map(int, row)) for row in rows]

    async def write_back(self, list_id: str, entries: Sequence[int]) -> None:
        """Revoke entries again that were published as revoked."""
        keys = [key(list_id) for key in (revoked_key, allocated_key, status_key)]
        for start in range(0, len(entries), _WRITTEN_AT_ONCE):
            part = entries[start : start + _WRITTEN_AT_ONCE]
            await self._redis.run(_WRITE_BACK, keys, [new_identifier(), *part])

    async def put_back(self, list_ids: Iterable[str], *, now_ms: int) -> None:
        """Register lists again, as closed, that the registry has lost."""
        await self._redis.pipeline([("HSETNX", _REGISTRY, i, now_ms) for i in list_ids])

    async def renew(self, *, now_ms: int) -> int:
        """Close every list, also those in use that the registry lacks, and open others. Returns how many were open.

        It returns -1 and closes none if there would be too many. For the operator's command: it scans all keys.
        """
        in_use = {key[len("sp:{") :].partition("}")[0] async for keys in self._redis.scan(_STATUSES) for key in keys}
        closed: int = await self._redis.run(_RENEW, [_REGISTRY], [now_ms, MAX_LISTS - OPEN_LISTS, *in_use])
        await self.ensure_open()
        return closed

    async def close(self, list_id: str, *, now_ms: int) -> None:
        """Allocate no further entries of this list, once no replica begins an interaction in it any more."""
        await self._redis.command("HSET", _REGISTRY, list_id, now_ms)

    async def remove(self, list_id: str) -> None:
        """Forget a list whose last token has expired."""
        await self._redis.pipeline([("DEL", key(list_id)) for key in (status_key, allocated_key, revoked_key)])
        await self._redis.command("HDEL", _REGISTRY, list_id)
