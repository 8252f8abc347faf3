"""Whether a grant has ended and whether its entry is revoked, read in one atomic step."""

from collections.abc import Sequence
from typing import Any

from auth_service.grants.grant import GrantStatus
from auth_service.grants.repository import GrantRepository
from auth_service.protocol.opaque import split_identifier
from auth_service.status_lists.identifiers import revoked_key
from shared.redis.client import RedisClient, Script

_READ = Script("read_both", "return {redis.call(unpack(ARGV)), redis.call('SMEMBERS', KEYS[2])}")


class _Reader:
    """Sends the one command by which the repository reads a grant, together with that for its list."""

    def __init__(self, store: RedisClient, list_id: str) -> None:
        self._store = store
        self._list_id = list_id
        self.revoked: list[int] = []

    async def command(self, *words: Any) -> Any:
        record, revoked = await self._store.run(_READ, [words[1], revoked_key(self._list_id)], words)
        self.revoked = [int(entry) for entry in revoked]
        return dict(zip(record[::2], record[1::2], strict=True)) if words[0] == "HGETALL" else record


async def ended_and_revoked(store: RedisClient, grant_id: str) -> tuple[bool, bool]:
    """Of one grant that exists. Its list has no other grant, so that a second entry in it is a fault."""
    reader = _Reader(store, split_identifier(grant_id)[0])
    grant = await GrantRepository(reader).find(grant_id)  # type: ignore[arg-type]  # find sends one command
    assert grant is not None
    assert reader.revoked in ([], [grant.entry])
    return grant.status is GrantStatus.ENDED, bool(reader.revoked)


async def all_consistent(store: RedisClient, grant_ids: Sequence[str]) -> int:
    """Check that each grant has ended if and only if its entry is revoked; how many have."""
    states = [await ended_and_revoked(store, grant_id) for grant_id in grant_ids]
    assert all(ended == revoked for ended, revoked in states)
    return sum(ended for ended, _ in states)
