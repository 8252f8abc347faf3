"""Who holds which version of the key set: one bounded hash, kept no longer than it can matter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from auth_service.keys.propagation import HeldSets, ReplicaKeyVersion
from shared.redis.scripts import load_script

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shared.redis.client import RedisClient

MOST_HOLDERS: Final = 512

_HOLDERS: Final = "sp:{keys}:holders"
_UNNAMED: Final = "*unnamed"
_OVERFLOW: Final = "*overflow"
_NOTE: Final = load_script("auth_service.keys", "record_replica_versions")


class ReplicaVersionRepository:
    """Every method raises RedisUnavailable."""

    def __init__(self, store: RedisClient, *, most: int = MOST_HOLDERS) -> None:
        self._store = store
        self._most = most

    async def note(
        self,
        replica_versions: Iterable[ReplicaKeyVersion],
        *,
        now_ms: int,
        keep_ms: int,
        unnamed_ms: int | None = None,
        overflow_ms: int | None = None,
    ) -> None:
        """Write down what was seen; what ended before `now_ms` is dropped, and all after `keep_ms` of silence."""
        args = [now_ms, self._most, keep_ms, *("" if at is None else at for at in (unnamed_ms, overflow_ms))]
        for holder in replica_versions:
            args += [holder.replica, holder.version, holder.seen_ms, holder.expires_ms]
        await self._store.run(_NOTE, [_HOLDERS], args)

    async def read(self) -> HeldSets:
        """All that is known."""
        entries: dict[str, str] = await self._store.command("HGETALL", _HOLDERS)
        marks = {name: int(entries[name]) for name in (_UNNAMED, _OVERFLOW) if name in entries}
        replica_versions = []
        for replica, entry in entries.items():
            if replica not in marks:
                version, seen_ms, expires_ms = map(int, entry.split(" "))
                replica_versions.append(ReplicaKeyVersion(replica, version, seen_ms, expires_ms))
        return HeldSets(tuple(replica_versions), marks.get(_UNNAMED), marks.get(_OVERFLOW))
