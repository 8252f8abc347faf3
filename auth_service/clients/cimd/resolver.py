"""Resolves clients whose client_id is the URL of a client ID metadata document (CIMD).

Documents are cached. While a host fails, or answers with something else, its last good copy serves for two weeks
(interop.md A15, F8, F27). A host that answers that the document is gone, or serves one that breaks a rule, ends the
client.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from auth_service.clients.cimd.bundled import BUNDLED_DOCUMENTS
from auth_service.clients.cimd.document import (
    MAX_DOCUMENT_BYTES,
    CimdNotJson,
    CimdPolicy,
    check_cimd_url,
    is_loopback_url,
    read_cimd,
)
from auth_service.clients.cimd.repository import CimdCopy, CimdRepository
from auth_service.protocol.errors import UnacceptableCimd
from shared.errors import ServiceUnavailable
from shared.fetch.document_cache import CachedDocument, DocumentCache, DocumentWithdrawn
from shared.fetch.ssrf_safe_client import FetchGone, FetchRefused, SsrfSafeClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from auth_service.clients.client import Client

MAX_STALE_SECONDS: Final = 14 * 86_400
COOLDOWN_SECONDS: Final = 60
CACHE_SIZE: Final = 512


class CimdUnavailable(ServiceUnavailable):
    """The document could not be fetched and there is no usable copy.

    The public text is the same for every cause: nothing about the network can be learned from it (invariants 8, 10).
    """

    public = "The client's metadata document could not be fetched just now. Please try again in a minute."

    def __init__(self, reason: str) -> None:
        super().__init__(reason, error_id="cimd_fetched", retry_after_seconds=COOLDOWN_SECONDS)


@dataclass(frozen=True, slots=True)
class _Cimd:
    client: Client
    body: str


class CimdResolver:
    """Finds clients by the URL of their document. Call `close` when the service stops."""

    def __init__(
        self,
        *,
        http: SsrfSafeClient,
        loopback_http: SsrfSafeClient,
        copies: CimdRepository,
        policy: CimdPolicy,
        begin_fetch: Callable[[], Callable[[], None]] = lambda: lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`http` reaches public addresses only; `loopback_http` this machine only, under the development switch.

        `monotonic` is in seconds.
        """
        self._http = http
        self._loopback_http = loopback_http
        self._copies = copies
        self._policy = policy
        self._monotonic = monotonic
        self._cache = DocumentCache[_Cimd](
            self._fetch,
            restore=self._restore,
            begin_fetch=begin_fetch,
            cooldown_seconds=COOLDOWN_SECONDS,
            max_entries=CACHE_SIZE,
            monotonic=monotonic,
        )

    async def find(self, url: str) -> Client:
        """The client of this document.

        Raises UnacceptableCimd, CimdUnavailable, RedisUnavailable or TooManyRequests.
        """
        check_cimd_url(url, self._policy)
        entry = await self._cache.get(url)
        document, error = entry.document, entry.error
        if document is not None and (error is None or self._monotonic() < document.fetched_at + MAX_STALE_SECONDS):
            return document.value.client
        if isinstance(error, DocumentWithdrawn):
            raise UnacceptableCimd(str(error), told=True)
        bundled = BUNDLED_DOCUMENTS.get(url)
        if bundled is None:
            if isinstance(error, FetchRefused):
                raise UnacceptableCimd(str(error), told=True)
            raise CimdUnavailable(f"{url}: {error}")
        return self._read(url, json.dumps(bundled | {"client_id": url}).encode(), "application/json")

    def trusts(self, url: str) -> bool:
        """Whether the operator trusts the document's host: it is named in the settings, or the document is bundled."""
        return url in BUNDLED_DOCUMENTS or self._policy.names_host_of(url)

    async def keep(self, url: str) -> None:
        """Store the last good copy: the client was just used. Raises RedisUnavailable."""
        document = self._cache.peek(url)
        if document is not None:
            now = self._monotonic()
            copy = CimdCopy(document.value.body, now - document.fetched_at, document.fresh_until - now)
            await self._copies.keep(url, copy)

    async def close(self) -> None:
        """Cancel fetches in progress and release the HTTP clients."""
        await self._cache.close()
        await self._http.close()
        await self._loopback_http.close()

    async def _fetch(self, url: str) -> tuple[_Cimd, int]:
        http = self._loopback_http if is_loopback_url(url) else self._http
        try:
            answer = await http.get(url, max_bytes=MAX_DOCUMENT_BYTES)
            client = self._read(url, answer.body, answer.content_type)
        except CimdNotJson as exc:
            # An error page or a bot challenge in the document's place: a copy may serve meanwhile.
            raise FetchRefused(exc.reason) from exc
        except (FetchGone, UnacceptableCimd) as exc:
            await self._copies.drop(url)
            raise DocumentWithdrawn(exc.reason if isinstance(exc, UnacceptableCimd) else str(exc)) from exc
        return _Cimd(client, answer.body.decode()), answer.fresh_seconds

    async def _restore(self, url: str) -> CachedDocument[_Cimd] | None:
        copy = await self._copies.find(url)
        if copy is None:
            return None
        try:
            # Read again rather than trusted: the rules may be stricter than when it was kept.
            client = self._read(url, copy.body.encode(), "application/json")
        except UnacceptableCimd:
            return None
        now = self._monotonic()
        return CachedDocument(_Cimd(client, copy.body), now - copy.age_seconds, now + copy.fresh_seconds)

    def _read(self, url: str, unverified_body: bytes, content_type: str) -> Client:
        return read_cimd(
            url, unverified_body, content_type=content_type, redirect_schemes=self._policy.redirect_schemes
        )
