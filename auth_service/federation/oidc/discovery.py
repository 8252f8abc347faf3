"""The metadata and keys of one provider, fetched when needed and kept (OpenID Connect Discovery section 4, RFC 7517).

A provider that fails is asked once per cooldown, by one request for all callers; the last good copy serves for a day.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from auth_service.federation.oidc.metadata import MAX_METADATA_BYTES, ProviderMetadata, parse_metadata
from auth_service.federation.provider import ProviderUnavailable
from auth_service.federation.provider_jwks_cache import COOLDOWN_SECONDS, ProviderJwksCache
from shared.fetch.document_cache import DocumentCache

if TYPE_CHECKING:
    from auth_service.federation.http import ProviderHttp
    from auth_service.federation.oidc.presets import ProviderProfile

MAX_STALE_SECONDS: Final = 86_400
REFETCH_SECONDS: Final = 2
"""A provider may replace its only key without notice. Each fetch for a new `kid` follows a token response of the
provider itself: no other party can invent one, and a fetch costs the provider no more than the sign-in."""


class Discovery:
    """Finds the metadata and the keys. Construction connects nothing."""

    def __init__(
        self,
        profile: ProviderProfile,
        *,
        algorithms: frozenset[str],
        fetch: ProviderHttp,
        monotonic: Callable[[], float],
    ) -> None:
        """`algorithms` are those of ID tokens; `monotonic` is in seconds."""
        self._profile = profile
        self._http = fetch
        self._monotonic = monotonic
        self._metadata = DocumentCache[ProviderMetadata](
            self._fetch_metadata, cooldown_seconds=COOLDOWN_SECONDS, max_entries=1, monotonic=monotonic
        )
        self.keys = ProviderJwksCache(
            algorithms=algorithms,
            max_stale_seconds=MAX_STALE_SECONDS,
            refetch_seconds=REFETCH_SECONDS,
            fetch=fetch,
            monotonic=monotonic,
        )

    async def metadata(self) -> ProviderMetadata:
        """The metadata, after a fetch if one is due. Raises ProviderUnavailable."""
        url = self._profile.discovery_url
        entry = await self._metadata.get(url)
        document, error = entry.document, entry.error
        if document is None or (error is not None and self._monotonic() >= document.fetched_at + MAX_STALE_SECONDS):
            raise ProviderUnavailable(f"{url}: {error}", error_id="provider_metadata")
        return document.value

    async def close(self) -> None:
        """Cancel fetches in progress."""
        await self._metadata.close()
        await self.keys.close()

    async def _fetch_metadata(self, url: str) -> tuple[ProviderMetadata, int]:
        answer = await self._http.get(url, max_bytes=MAX_METADATA_BYTES)
        return parse_metadata(answer.body, issuer=self._profile.issuer), answer.fresh_seconds
