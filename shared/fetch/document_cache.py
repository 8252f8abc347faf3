"""A cache of documents fetched by URL: freshness, failure cooldown, single flight, last good copy (RFC 9111, RFC 5861).

Owns: when to fetch, and which copies are in memory. Does not own: how to fetch and parse, nor for how long a stale copy
may serve while its host fails; the caller decides both.

A host that hangs delays only callers for which there is no copy, and the fetches of one requesting network are bounded
by `begin_fetch`: the slow hosts of an attacker occupy neither the connections nor the copies of others.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from shared.errors import RequestRejected
from shared.fetch.ssrf_safe_client import FetchFailed, FetchNotAttempted
from shared.single_flight import SingleFlight

PATIENCE_SECONDS: Final = 1.0
"""How long a caller waits for a newer document before it gets the copy there is (RFC 5861, stale-while-revalidate)."""

T = TypeVar("T")
V = TypeVar("V")


class DocumentWithdrawn(FetchFailed):
    """The host answered, and its answer ends the document: no earlier copy may serve."""


@dataclass(frozen=True, slots=True)
class CachedDocument(Generic[T]):
    """A parsed document. Times by the clock of the cache, which never goes back."""

    value: T
    fetched_at: float
    fresh_until: float


@dataclass(frozen=True, slots=True)
class CacheEntry(Generic[T]):
    """The state of one URL. Both members are present while a stale copy stands in for a failing host."""

    document: CachedDocument[T] | None
    error: FetchFailed | None
    """Why the last attempt failed, or has not ended yet; None if it succeeded."""


class DocumentCache(Generic[T]):
    """At most one fetch per URL at a time, and at most one per cooldown unless a caller asks for another."""

    def __init__(
        self,
        fetch: Callable[[str], Awaitable[tuple[T, int]]],
        *,
        restore: Callable[[str], Awaitable[CachedDocument[T] | None]] | None = None,
        begin_fetch: Callable[[], Callable[[], None]] = lambda: _nothing,
        cooldown_seconds: int,
        max_entries: int,
        monotonic: Callable[[], float],
    ) -> None:
        """`fetch` gives the parsed document and its freshness in seconds, or raises FetchFailed or DocumentWithdrawn.

        `restore` finds a copy outside this process's memory; what it raises goes to the caller.
        `begin_fetch` is called by the caller that causes a fetch and returns the function to call at its end. It may
        raise RequestRejected: then nothing is fetched, and the caller gets the copy there is, or the error.
        `monotonic` is in seconds.
        """
        self._fetch = fetch
        self._restore = restore
        self._begin_fetch = begin_fetch
        self._cooldown = cooldown_seconds
        self._max_entries = max_entries
        self._monotonic = monotonic
        # Apart, so that a flood of failing URLs does not push good documents out.
        self._documents: OrderedDict[str, CachedDocument[T]] = OrderedDict()
        self._failures: OrderedDict[str, tuple[float, FetchFailed]] = OrderedDict()
        self._flights: SingleFlight[CacheEntry[T]] = SingleFlight()
        self._restorations: SingleFlight[None] = SingleFlight()

    async def get(self, url: str, *, refetch_after: int | None = None) -> CacheEntry[T]:
        """The entry, after a fetch if one is due.

        `refetch_after`: one is due although the document is fresh, if it was fetched that many seconds ago. Nothing is
        fetched within the cooldown after a failure.
        """
        restore = self._restore
        if restore is not None and url not in self._documents and self._is_due(url, refetch_after):
            await self._restorations.run(url, lambda: self._restore_copy(url, restore))
        if self._is_due(url, refetch_after):
            return await self._fetch_shared(url)
        if url in self._documents:
            self._documents.move_to_end(url)
        return self._entry(url)

    def peek(self, url: str) -> CachedDocument[T] | None:
        """The document in memory, fresh or stale."""
        return self._documents.get(url)

    async def close(self) -> None:
        """Cancel fetches in progress."""
        await self._restorations.close()
        await self._flights.close()

    async def _fetch_shared(self, url: str) -> CacheEntry[T]:
        """The outcome of the fetch in progress, started if there is none; after PATIENCE_SECONDS the copy, if any."""
        end = _nothing
        if not self._flights.is_running(url):
            try:
                end = self._begin_fetch()
            except RequestRejected as exc:
                return self._copy_instead(url, exc)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS if url in self._documents else None):
                return await self._flights.run(url, lambda: self._refresh(url, end))
        except TimeoutError as exc:
            return self._copy_instead(url, exc)

    def _copy_instead(self, url: str, cause: RequestRejected | TimeoutError) -> CacheEntry[T]:
        """The copy in memory, marked as one whose host was not reached. Raises `cause` if there is none."""
        document = self._documents.get(url)
        if document is None:
            raise cause
        return CacheEntry(document, FetchNotAttempted(str(cause) or "the fetch has not ended yet"))

    def _entry(self, url: str) -> CacheEntry[T]:
        failure = self._failures.get(url)
        return CacheEntry(self._documents.get(url), failure[1] if failure else None)

    def _is_due(self, url: str, refetch_after: int | None) -> bool:
        now = self._monotonic()
        failure = self._failures.get(url)
        if failure is not None:
            return now >= failure[0] + self._cooldown
        document = self._documents.get(url)
        if document is None or now >= document.fresh_until:
            return True
        return refetch_after is not None and now >= document.fetched_at + refetch_after

    async def _restore_copy(self, url: str, restore: Callable[[str], Awaitable[CachedDocument[T] | None]]) -> None:
        copy = await restore(url)
        if copy is not None:
            self._keep(self._documents, url, copy)

    async def _refresh(self, url: str, end: Callable[[], None]) -> CacheEntry[T]:
        try:
            value, fresh_seconds = await self._fetch(url)
        except FetchNotAttempted as exc:
            return CacheEntry(self._documents.get(url), exc)
        except FetchFailed as exc:
            self._keep(self._failures, url, (self._monotonic(), exc))
            if isinstance(exc, DocumentWithdrawn):
                self._documents.pop(url, None)
        else:
            now = self._monotonic()
            self._keep(self._documents, url, CachedDocument(value, now, now + fresh_seconds))
            self._failures.pop(url, None)
        finally:
            end()
        return self._entry(url)

    def _keep(self, memory: OrderedDict[str, V], url: str, value: V) -> None:
        memory[url] = value
        memory.move_to_end(url)
        while len(memory) > self._max_entries:
            memory.popitem(last=False)


def _nothing() -> None:
    """The end of a fetch that is not counted."""
