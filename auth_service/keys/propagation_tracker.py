"""Takes down which verifier holds which key set, as requests tell it, and writes it to the store now and then.

The endpoint is public. Whatever strangers send, memory is bounded, and the store gets a few small writes a second
from each process at most; a request never waits for them nor fails with them.
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from auth_service.keys.propagation import ReplicaKeyVersion
from auth_service.keys.replica_version_repository import MOST_HOLDERS
from shared.background import end_tasks
from shared.errors import RedisUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from auth_service.keys.replica_version_repository import ReplicaVersionRepository
    from shared.background import TaskSupervisor

WRITE_EVERY_SECONDS: Final = 0.2
SHORTEST_LIFE_MS: Final = 120_000
"""A verifier is counted for this long after it was last heard of, at least: longer than it waits for a change."""
LEAVING_MS: Final = 15_000
"""How long a verifier whose connection broke has to come back, perhaps by another replica."""

_REPLICA: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")


class PropagationTracker:
    """One process's notes."""

    def __init__(
        self,
        storage: ReplicaVersionRepository,
        *,
        propagation_ms: int,
        clock: Callable[[], float] = time.time,
        most: int = MOST_HOLDERS,
    ) -> None:
        """`propagation_ms`: when time decides anyway, so that no note need live longer."""
        self._storage = storage
        self._life_ms = max(propagation_ms, SHORTEST_LIFE_MS)
        self._clock = clock
        self._most = most
        self._noted: dict[str, ReplicaKeyVersion] = {}
        self._unnamed_ms: int | None = None
        self._overflow_ms: int | None = None
        self._news = asyncio.Event()
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    async def start(self, supervisor: TaskSupervisor) -> None:
        """Begin to write."""
        self._tasks = (supervisor.start("key_propagation_tracker", self._write_all),)

    async def stop(self) -> None:
        """Stop writing; what is not written is lost, and will be said again."""
        await end_tasks(self._tasks)

    def holds(self, replica: str | None, version: int) -> ReplicaKeyVersion | None:
        """Note that a caller holds this version; None if it has no name, or none that is one."""
        now_ms = int(self._clock() * 1000)
        self._news.set()
        if replica is None or not _REPLICA.fullmatch(replica):
            self._unnamed_ms = now_ms
            return None
        if replica not in self._noted and len(self._noted) >= self._most:
            self._overflow_ms = now_ms
            return None
        holder = self._noted[replica] = ReplicaKeyVersion(replica, version, now_ms, now_ms + self._life_ms)
        return holder

    def leaves(self, holder: ReplicaKeyVersion) -> None:
        """Note that a caller's connection broke. If it has been heard of since, even elsewhere, that counts."""
        noted = self._noted.get(holder.replica, holder)
        if noted.seen_ms <= holder.seen_ms and len(self._noted) < self._most:
            expires_ms = int(self._clock() * 1000) + LEAVING_MS
            self._noted[holder.replica] = replace(holder, expires_ms=expires_ms)
            self._news.set()

    async def write(self) -> None:
        """Write what is noted now. Raises RedisUnavailable. After any failure the notes are kept for the next time."""
        self._news.clear()
        noted, self._noted = self._noted, {}
        unnamed_ms, self._unnamed_ms = self._unnamed_ms, None
        overflow_ms, self._overflow_ms = self._overflow_ms, None
        try:
            await self._storage.note(
                noted.values(),
                now_ms=int(self._clock() * 1000),
                keep_ms=2 * self._life_ms,
                unnamed_ms=unnamed_ms,
                overflow_ms=overflow_ms,
            )
        except Exception:
            # A forgotten note could be taken for proof: what does not fit counts as an overflow.
            merged = noted | self._noted
            self._noted = dict(list(merged.items())[: self._most])
            self._unnamed_ms = _latest(self._unnamed_ms, unnamed_ms)
            if len(merged) > self._most:
                overflow_ms = int(self._clock() * 1000)
            self._overflow_ms = _latest(self._overflow_ms, overflow_ms)
            self._news.set()
            raise

    async def _write_all(self) -> None:
        while True:
            await self._news.wait()
            try:
                await self.write()
            except RedisUnavailable:
                # The key ring says in the log that the store is away.
                await asyncio.sleep(10 * WRITE_EVERY_SECONDS)
            await asyncio.sleep(WRITE_EVERY_SECONDS)


def _latest(*times: int | None) -> int | None:
    return max((time for time in times if time is not None), default=None)
