"""A cache of documents fetched by URL: freshness, failure cooldown, single flight, last good copy (RFC 9111, RFC 5861).

Owns: when to fetch, and which copies are in memory. Does not own: how to fetch and parse, nor for how long a stale copy
may serve while its host fails; the caller decides both.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from shared.fetch.ssrf_safe_client import FetchFailed
from shared.single_flight import SingleFlight

T = TypeVar("T")
V = TypeVar("V")


class DocumentWithdrawn(FetchFailed):
    """The host answered, and its answer ends the document: no earlier copy may serve."""


@dataclass(frozen=True, slots=True)
class CachedDocument(Generic[T]):
    """A parsed document. Times in seconds since 1970."""

    value: T
    fetched_at: float
    fresh_until: float


@dataclass(frozen=True, slots=True)
class CacheEntry(Generic[T]):
    """The state of one URL. Both members are present while a stale copy stands in for a failing host."""

    document: CachedDocument[T] | None
    error: FetchFailed | None
    """Why the last attempt failed; None if it succeeded."""


class DocumentCache(Generic[T]):
    """At most one fetch per URL at a time, and at most one per cooldown."""

    def __init__(
        self,
        fetch: Callable[[str], Awaitable[tuple[T, int]]],
        *,
        restore: Callable[[str], Awaitable[CachedDocument[T] | None]] | None = None,
        cooldown_seconds: int,
        max_entries: int,
        clock: Callable[[], float],
    ) -> None:
        """`fetch` gives the parsed document and its freshness in seconds, or raises FetchFailed or DocumentWithdrawn.

        `restore` finds a copy outside this process's memory; what it raises goes to the caller.
        """
        self._fetch = fetch
        self._restore = restore
        self._cooldown = cooldown_seconds
        self._max_entries = max_entries
        self._clock = clock
        # Apart, so that a flood of failing URLs does not push good documents out.
        self._documents: OrderedDict[str, CachedDocument[T]] = OrderedDict()
        self._failures: OrderedDict[str, tuple[float, FetchFailed]] = OrderedDict()
        self._flights: SingleFlight[CacheEntry[T]] = SingleFlight()

    async def get(self, url: str, *, refetch: bool = False) -> CacheEntry[T]:
        """The entry, after a fetch if one is due. With `refetch`, one is due although the document is fresh.

        Nothing is fetched within the cooldown after the last attempt.
        """
        if self._is_due(url, refetch=refetch):
            return await self._flights.run(url, lambda: self._refresh(url))
        if url in self._documents:
            self._documents.move_to_end(url)
        return self._entry(url)

    def peek(self, url: str) -> CachedDocument[T] | None:
        """The document in memory, fresh or stale."""
        return self._documents.get(url)

    async def close(self) -> None:
        """Cancel fetches in progress."""
        await self._flights.close()

    def _entry(self, url: str) -> CacheEntry[T]:
        failure = self._failures.get(url)
        return CacheEntry(self._documents.get(url), failure[1] if failure else None)

    def _is_due(self, url: str, *, refetch: bool) -> bool:
        now = self._clock()
        failure = self._failures.get(url)
        if failure is not None:
            return now >= failure[0] + self._cooldown
        document = self._documents.get(url)
        if document is None or now >= document.fresh_until:
            return True
        return refetch and now >= document.fetched_at + self._cooldown

    async def _refresh(self, url: str) -> CacheEntry[T]:
        if url not in self._documents and self._restore is not None:
            copy = await self._restore(url)
            if copy is not None:
                self._keep(self._documents, url, copy)
                if self._clock() < copy.fresh_until:
                    return self._entry(url)
        try:
            value, fresh_seconds = await self._fetch(url)
        except FetchFailed as exc:
            self._keep(self._failures, url, (self._clock(), exc))
            if isinstance(exc, DocumentWithdrawn):
                self._documents.pop(url, None)
        else:
            now = self._clock()
            self._keep(self._documents, url, CachedDocument(value, now, now + fresh_seconds))
            self._failures.pop(url, None)
        return self._entry(url)

    def _keep(self, memory: OrderedDict[str, V], url: str, value: V) -> None:
        memory[url] = value
        memory.move_to_end(url)
        while len(memory) > self._max_entries:
            memory.popitem(last=False)
