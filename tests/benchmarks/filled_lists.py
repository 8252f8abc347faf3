"""The open status lists of an auth_service, filled in Redis without the grants that the entries belong to."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from auth_service.protocol.opaque import new_identifier
from auth_service.status_lists.identifiers import ENTRIES, TAG_CHARACTERS, allocated_key, revoked_key, status_key
from auth_service.status_lists.repository import StatusListRepository

if TYPE_CHECKING:
    from shared.redis.single import SingleRedisClient


@dataclass
class Filled:
    """One list as it is filled: the entries in use, in random order, of which the first so many are revoked."""

    list_id: str
    entries: list[int]
    revoked: int = 0


class FilledLists:
    """Revokes entries as the scripts of the grants do: with each change the list has another tag."""

    def __init__(self, store: SingleRedisClient, lists: list[Filled]) -> None:
        self._store = store
        self._lists = lists

    @classmethod
    async def fill(cls, store: SingleRedisClient, count: int, *, spared: int) -> Self:
        """Use `count` entries at random in all. Entry `spared` of every list is in use too, and is never revoked."""
        registry = await StatusListRepository(store).registry()
        each = count // len(registry)
        free = [entry for entry in range(ENTRIES) if entry != spared]
        lists = cls(store, [Filled(list_id, random.sample(free, each)) for list_id in registry])
        for filled in lists._lists:
            in_use = bytearray(ENTRIES // 8)
            for entry in (*filled.entries, spared):
                in_use[entry >> 3] |= 0x80 >> (entry & 7)  # a bitmap of Redis begins with the most significant bit
            await store.command("SET", allocated_key(filled.list_id), bytes(in_use))
            await store.command("HSET", status_key(filled.list_id), "allocated", each)
        return lists

    async def revoke_share(self, fraction: float) -> set[str]:
        """Revoke entries until this share is revoked in each list; the new tags of the lists."""
        return {tag for f in self._lists if (tag := await self._revoke(f, round(fraction * len(f.entries))))}

    async def revoke_one(self) -> str:
        """Revoke an entry of one list; its new tag."""
        filled = random.choice(self._lists)
        return await self._revoke(filled, filled.revoked + 1)

    async def _revoke(self, filled: Filled, until: int) -> str:
        new, filled.revoked = filled.entries[filled.revoked : until], until
        if not new:
            return ""
        tag = new_identifier()[:TAG_CHARACTERS]
        await self._store.pipeline(
            [("SADD", revoked_key(filled.list_id), *new), ("HSET", status_key(filled.list_id), "tag", tag)]
        )
        return tag
