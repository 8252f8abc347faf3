"""The published lists of one process: a copy of what Redis has, read several times a second.

Invariant 12: an entry that was revoked in Redis is in the published list after POLL_SECONDS and a read of Redis.
Replicas may be a poll apart. Redis may go back, in a failover or by a restored copy: what a process has published it
writes back, so that it stays revoked and no other grant gets the entry, whose bit verifiers keep.
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from auth_service.status_lists.document import (
    LIFETIME_SECONDS,
    bits_of,
    difference,
    entries_of,
    list_claims,
    union,
)
from auth_service.status_lists.identifiers import ENTRIES, OPEN_LISTS, list_uri, new_identifier_in
from shared.access_tokens.profile import STATUS_LIST_TYPE
from shared.background import end_tasks
from shared.errors import RedisUnavailable, ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    import structlog

    from auth_service.keys.key_ring import KeyRing
    from auth_service.status_lists.repository import StatusListRepository
    from shared.background import TaskSupervisor

POLL_SECONDS: Final = 0.3
CLOSE_AT: Final = ENTRIES // 2
"""Entries in use beyond which a list is closed. A scope that is removed from the configuration narrows every grant of a
list, and each needs a second entry of it."""
_LATE_GRANTS_MS: Final = 90_000_000
"""An interaction that began before the list was closed may become a grant in it, for a day at most."""
_PUBLISHED_FIRST_SECONDS: Final = 5.0
"""How long a list is published before a grant gets an entry in it, unless there is no other."""
_REMOVE_EVERY: Final = 1000
"""Polls between two searches for lists that can be removed."""


@dataclass(frozen=True, slots=True)
class PublishedList:
    """One list at one tag, and its signed form."""

    tag: str
    keys: str
    """The ETag of the JWKS when it was signed: a key that was withdrawn verifies no list."""
    token: str
    signed_at: float


class PublishedStatusLists:
    """Keeps the lists of one process current, chooses one for each new grant, and signs what is published."""

    def __init__(
        self,
        *,
        issuer: str,
        repository: StatusListRepository,
        key_ring: KeyRing,
        log: structlog.typing.FilteringBoundLogger,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        """`clock` is seconds since 1970; `monotonic` never goes back."""
        self._issuer = issuer
        self._repository = repository
        self._key_ring = key_ring
        self._log = log
        self._clock = clock
        self._monotonic = monotonic
        self._open: tuple[str, ...] = ()
        self._registry: dict[str, str] = {}
        self._first_seen: dict[str, float] = {}
        self._tags: dict[str, str] = {}
        self._bits: dict[str, bytes] = {}
        self._published: dict[str, PublishedList] = {}
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self, supervisor: TaskSupervisor) -> None:
        """Read the lists, then keep reading. Without Redis the service starts all the same."""
        with suppress(RedisUnavailable):  # the monitor of Redis reports it
            await self.refresh()
        self._task = supervisor.start("status_lists", self._poll)

    async def stop(self) -> None:
        """Stop reading."""
        if self._task is not None:
            await end_tasks([self._task])

    def new_identifier(self) -> str:
        """An identifier for a new grant, in a random open list. Raises ServiceUnavailable while none is known."""
        if not self._open:
            raise ServiceUnavailable("no status list is known yet", error_id="status_lists")
        return new_identifier_in(secrets.choice(self._open))

    def uri_of(self, list_id: str) -> str:
        """The address of a list, as tokens name it."""
        return list_uri(self._issuer, list_id)

    @property
    def tags(self) -> dict[str, str]:
        """The tag of the last change of every list."""
        return self._tags

    @property
    def changed(self) -> asyncio.Event:
        """An event that is set at the next change of the lists."""
        return self._changed

    def wake(self) -> None:
        """Wake all tasks that wait for a change."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def token_of(self, list_id: str) -> str | None:
        """The signed list; None if there is no such list. Raises ServiceUnavailable if no key can sign."""
        tag = self._tags.get(list_id)
        if tag is None:
            return None
        now = self._clock()
        held = self._published.get(list_id)
        keys = self._key_ring.public_key_set.etag
        if held is not None and (held.tag, held.keys) == (tag, keys) and now - held.signed_at < LIFETIME_SECONDS / 2:
            return held.token
        claims = list_claims(issuer=self._issuer, uri=self.uri_of(list_id), bits=self._bits[list_id], now=now)
        published = PublishedList(tag, keys, self._key_ring.sign(claims, typ=STATUS_LIST_TYPE), now)
        self._published[list_id] = published
        return published.token

    async def refresh(self) -> None:
        """Read what changed. Raises RedisUnavailable."""
        registry = await self._repository.registry()
        lost = [i for i, known in self._registry.items() if i not in registry and not self._is_removable(known)]
        if lost:
            await self._repository.put_back(lost, now_ms=self._now_ms())
        if lost or sum(state == "open" for state in registry.values()) < OPEN_LISTS:
            registry = await self._repository.ensure_open()
        states = await self._repository.states(list(registry))
        different = [s for s in states if self._tags.get(s.list_id) != s.tag]
        if different:
            for state, revoked in zip(
                different, await self._repository.revoked(s.list_id for s in different), strict=True
            ):
                await self._take(state.list_id, bits_of(revoked))
        gone = self._tags.keys() - registry.keys()
        self._tags, self._registry = {s.list_id: s.tag for s in states}, registry
        for list_id in gone:
            self._bits.pop(list_id, None)
            self._published.pop(list_id, None)
        full = {s.list_id for s in states if registry[s.list_id] == "open" and s.allocated >= CLOSE_AT}
        self._choose_from([i for i, state in registry.items() if state == "open" and i not in full])
        if different or gone:
            self.wake()
        for list_id in full:
            await self._repository.close(list_id, now_ms=self._now_ms())

    async def remove_expired(self) -> None:
        """Remove the lists that are closed and that no token names any more. Raises RedisUnavailable."""
        registry = await self._repository.registry()
        removable = [i for i, state in registry.items() if self._is_removable(state)]
        for state in await self._repository.states(removable):
            if self._now_ms() > state.until_ms:
                await self._repository.remove(state.list_id)

    async def _take(self, list_id: str, bits: bytes) -> None:
        """Publish a changed list. An entry that this process published as revoked stays revoked."""
        before = self._bits.get(list_id, b"")
        lost = entries_of(difference(before, bits))
        if lost:
            self._log.error("status_list_rollback_detected", list=list_id, entries=len(lost))
            await self._repository.write_back(list_id, lost)
        self._bits[list_id] = union(bits, before)

    def _is_removable(self, state: str) -> bool:
        """Whether no further grant can be put into the list. `state` is that of the registry."""
        return state != "open" and self._now_ms() > int(state) + _LATE_GRANTS_MS

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    def _choose_from(self, open_lists: list[str]) -> None:
        """Open these lists for new grants, without those that another replica or its verifiers may not know yet."""
        now = self._monotonic()
        self._first_seen = {i: self._first_seen.get(i, now) for i in open_lists}
        published = tuple(i for i, seen in self._first_seen.items() if now - seen >= _PUBLISHED_FIRST_SECONDS)
        self._open = published or tuple(open_lists)

    async def _poll(self) -> None:
        polls = 0
        while True:
            await asyncio.sleep(POLL_SECONDS)
            polls += 1
            try:
                await self.refresh()
                if polls % _REMOVE_EVERY == 0:
                    await self.remove_expired()
            except RedisUnavailable:
                pass  # the monitor of Redis reports it; the lists stay as they are
