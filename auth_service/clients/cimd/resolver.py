"""Clients that name themselves by the URL of a metadata document: fetched guarded, cached, and kept for outages.

One fetch serves all who wait for it. A failure is remembered briefly, so that a dead host costs one fetch a minute.
While a host is away its last good copy serves, for two weeks (interop.md A15, F8); a host that says the document is
gone, or serves one that breaks a rule, is believed.
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from auth_service.clients.cimd.bundled import KNOWN_DOCUMENTS
from auth_service.clients.cimd.document import (
    MAX_DOCUMENT_BYTES,
    CimdPolicy,
    NotADocument,
    check_document_url,
    is_loopback_url,
    read_document,
)
from auth_service.clients.cimd.repository import CimdCopy, CimdRepository
from auth_service.protocol.errors import UnacceptableCimd
from shared.errors import ServiceUnavailable
from shared.fetch.freshness import freshness_seconds
from shared.fetch.guarded_fetch import FetchFailed, FetchGone, GuardedFetch
from shared.fetch.single_flight import SingleFlight

if TYPE_CHECKING:
    from collections.abc import Callable

    from auth_service.clients.client import Client

OUTAGE_SECONDS: Final = 14 * 86_400
FAILURE_SECONDS: Final = 60
MEMORY_SIZE: Final = 512


class CimdUnavailable(ServiceUnavailable):
    """The document could not be fetched and no copy serves.

    The words are the same whatever the cause: who probes addresses through us learns nothing (invariants 8 and 10).
    """

    public = "The client's metadata document could not be fetched just now. Please try again in a minute."

    def __init__(self, reason: str) -> None:
        super().__init__(reason, error_id="client_document_fetched", retry_after_seconds=FAILURE_SECONDS)


@dataclass(frozen=True, slots=True)
class _Good:
    client: Client
    copy: CimdCopy


@dataclass(frozen=True, slots=True)
class _Failure:
    until: float
    reason: str
    withdrawn: bool
    """The host answered, and its answer makes no client: no copy serves then."""


class CimdResolver:
    """Finds clients by their document's URL. Call `close` when the service stops."""

    def __init__(
        self,
        *,
        fetch: GuardedFetch,
        loopback_fetch: GuardedFetch,
        store: CimdRepository,
        policy: CimdPolicy,
        redirect_schemes: frozenset[str],
        now: Callable[[], float] = time.time,
    ) -> None:
        """`fetch` reaches public addresses only; `loopback_fetch` this machine only, under the development switch."""
        self._fetch = fetch
        self._loopback_fetch = loopback_fetch
        self._store = store
        self._policy = policy
        self._redirect_schemes = redirect_schemes
        self._now = now
        self._good: OrderedDict[str, _Good] = OrderedDict()
        self._failures: OrderedDict[str, _Failure] = OrderedDict()
        self._flights: SingleFlight[Client] = SingleFlight()

    async def find(self, url: str) -> Client:
        """The client of this document. Raises UnacceptableCimd, CimdUnavailable or RedisUnavailable."""
        check_document_url(url, self._policy)
        good = self._good.get(url)
        if good is not None and self._now() < good.copy.fresh_until:
            self._good.move_to_end(url)
            return good.client
        return await self._flights.run(url, lambda: self._refresh(url))

    async def keep(self, url: str) -> None:
        """Store the last good copy: the client was just used. Raises RedisUnavailable."""
        good = self._good.get(url)
        if good is not None:
            await self._store.keep(url, good.copy)

    async def close(self) -> None:
        """Stop what is under way."""
        await self._flights.close()
        self._fetch.close()
        self._loopback_fetch.close()

    async def _refresh(self, url: str) -> Client:
        good = self._good.get(url) or await self._stored(url)
        now = self._now()
        if good is not None and now < good.copy.fresh_until:
            return self._remember(url, good)
        failure = self._failures.get(url)
        if failure is None or now >= failure.until:
            try:
                return self._remember(url, await self._fetched(url))
            except (FetchFailed, UnacceptableCimd) as exc:
                failure = self._failed(url, exc)
                if failure.withdrawn:
                    await self._store.drop(url)
        if failure.withdrawn:
            raise UnacceptableCimd(failure.reason)
        return self._despite_outage(url, good, failure.reason)

    def _failed(self, url: str, exc: FetchFailed | UnacceptableCimd) -> _Failure:
        # An error page where the document should be is an outage; a document that breaks a rule is its host's word.
        withdrawn = isinstance(exc, FetchGone | UnacceptableCimd) and not isinstance(exc, NotADocument)
        failure = _Failure(self._now() + FAILURE_SECONDS, str(exc), withdrawn=withdrawn)
        _bounded(self._failures, url, failure)
        if withdrawn:
            self._good.pop(url, None)
        return failure

    def _despite_outage(self, url: str, good: _Good | None, reason: str) -> Client:
        if good is not None and self._now() < good.copy.fetched_at + OUTAGE_SECONDS:
            return good.client
        known = KNOWN_DOCUMENTS.get(url)
        if known is None:
            raise CimdUnavailable(f"{url}: {reason}")
        return self._read(url, json.dumps(known | {"client_id": url}).encode(), "application/json")

    async def _fetched(self, url: str) -> _Good:
        fetch = self._loopback_fetch if is_loopback_url(url) else self._fetch
        answer = await fetch.get(url, max_bytes=MAX_DOCUMENT_BYTES)
        client = self._read(url, answer.body, answer.content_type)
        now = int(self._now())
        fresh = freshness_seconds(cache_control=answer.cache_control, age=answer.age)
        return _Good(client, CimdCopy(answer.body.decode(), fetched_at=now, fresh_until=now + fresh))

    async def _stored(self, url: str) -> _Good | None:
        copy = await self._store.find(url)
        if copy is None:
            return None
        try:
            # Read again rather than trusted: the rules may be stricter than when it was kept.
            return _Good(self._read(url, copy.body.encode(), "application/json"), copy)
        except UnacceptableCimd:
            return None

    def _read(self, url: str, unverified_body: bytes, content_type: str) -> Client:
        return read_document(url, unverified_body, content_type=content_type, redirect_schemes=self._redirect_schemes)

    def _remember(self, url: str, good: _Good) -> Client:
        _bounded(self._good, url, good)
        self._failures.pop(url, None)
        return good.client


def _bounded(memory: OrderedDict[str, Any], url: str, value: object) -> None:
    memory[url] = value
    memory.move_to_end(url)
    while len(memory) > MEMORY_SIZE:
        memory.popitem(last=False)
