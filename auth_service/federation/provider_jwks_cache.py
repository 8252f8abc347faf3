"""Caches the keys of one provider: fetched when needed, and again for a `kid` that is not among them.

A host that fails is asked once per cooldown, by one request for all callers; the last good copy serves meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from auth_service.federation.provider import ProviderUnavailable
from auth_service.federation.provider_keys import MAX_JWKS_BYTES, ProviderKey, parse_provider_keys
from shared.fetch.document_cache import CacheEntry, DocumentCache

if TYPE_CHECKING:
    from collections.abc import Callable

    from auth_service.federation.http import ProviderHttp
    from shared.fetch.ssrf_safe_client import FetchFailed

COOLDOWN_SECONDS: Final = 30
"""The minimum seconds between two fetches, after success and failure alike."""
MAX_DOCUMENTS: Final = 4
"""The maximum number of addresses in the cache: that of the keys may change with the metadata."""
_HEADERS: Final = {"Accept": "application/jwk-set+json, application/json"}


class ProviderJwksCache:
    """Finds the keys that may have signed. Construction connects nothing."""

    def __init__(
        self,
        *,
        algorithms: frozenset[str],
        max_stale_seconds: int,
        refetch_seconds: int = COOLDOWN_SECONDS,
        fetch: ProviderHttp,
        monotonic: Callable[[], float],
    ) -> None:
        """`monotonic` is in seconds.

        While the host fails, the last good copy is used for `max_stale_seconds`. An unknown `kid` causes no fetch
        earlier than `refetch_seconds` after the last: a cooldown where any caller may invent one.
        """
        self._algorithms = algorithms
        self._max_stale = max_stale_seconds
        self._refetch_after = refetch_seconds
        self._http = fetch
        self._monotonic = monotonic
        self._cache = DocumentCache[tuple[ProviderKey, ...]](
            self._fetch,
            cooldown_seconds=COOLDOWN_SECONDS,
            max_entries=MAX_DOCUMENTS,
            monotonic=monotonic,
        )
        self._failing = False

    @property
    def is_available(self) -> bool:
        """Whether the last fetch brought usable keys, or there was none."""
        return not self._failing

    async def candidates(
        self, jwks_uri: str, *, algorithm: str, kid: str | None, refetch: bool = False
    ) -> list[ProviderKey]:
        """The keys that may have signed; empty if the provider has none such.

        `refetch`: those in memory did not. Raises ProviderUnavailable while it cannot be known which there are, and if
        the provider publishes no usable key at all.
        """
        keys: tuple[ProviderKey, ...] = ()
        error: FetchFailed | None = None
        # The provider may have added a key since the last fetch.
        for refetch_after in (self._refetch_after,) if refetch else (None, self._refetch_after):
            entry = await self._cache.get(jwks_uri, refetch_after=refetch_after)
            error = entry.error
            keys = self._usable(entry)
            found = [key for key in keys if key.may_verify(algorithm=algorithm, kid=kid)]
            if found and not (refetch and error):
                return found
        if error is not None or not keys:
            problem = error or f"no key for {', '.join(sorted(self._algorithms))}"
            raise ProviderUnavailable(
                f"{jwks_uri}: {problem}", error_id="provider_keys", retry_after_seconds=COOLDOWN_SECONDS
            )
        return []

    async def close(self) -> None:
        """Cancel fetches in progress."""
        await self._cache.close()

    def _usable(self, entry: CacheEntry[tuple[ProviderKey, ...]]) -> tuple[ProviderKey, ...]:
        document = entry.document
        if document is None or (entry.error and self._monotonic() >= document.fetched_at + self._max_stale):
            return ()
        return document.value

    async def _fetch(self, uri: str) -> tuple[tuple[ProviderKey, ...], int]:
        self._failing = True
        answer = await self._http.get(uri, max_bytes=MAX_JWKS_BYTES, headers=_HEADERS)
        keys = parse_provider_keys(answer.body, algorithms=self._algorithms)
        self._failing = not keys
        return keys, answer.fresh_seconds
