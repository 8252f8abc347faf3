"""The metadata and keys of one provider, fetched when needed and kept (OpenID Connect Discovery section 4, RFC 7517).

A provider that fails is asked once per cooldown, by one request for all callers; the last good copy serves for a day.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeVar

from auth_service.federation.oidc.metadata import MAX_METADATA_BYTES, ProviderMetadata, parse_metadata
from auth_service.federation.oidc.provider_keys import MAX_JWKS_BYTES, ProviderKey, parse_provider_keys
from auth_service.federation.provider import ProviderUnavailable
from shared.fetch.document_cache import CacheEntry, DocumentCache

if TYPE_CHECKING:
    from auth_service.federation.http import ProviderHttp
    from auth_service.federation.oidc.presets import ProviderProfile

COOLDOWN_SECONDS: Final = 30
"""At most one fetch of a document in this time, after success and failure alike: a forged `kid` causes no more."""
MAX_STALE_SECONDS: Final = 86_400
MAX_DOCUMENTS: Final = 4
"""The address of the keys may change with the metadata."""

T = TypeVar("T")


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
        self._algorithms = algorithms
        self._http = fetch
        self._monotonic = monotonic
        self._metadata = DocumentCache[ProviderMetadata](
            self._fetch_metadata, cooldown_seconds=COOLDOWN_SECONDS, max_entries=MAX_DOCUMENTS, monotonic=monotonic
        )
        self._keys = DocumentCache[tuple[ProviderKey, ...]](
            self._fetch_keys, cooldown_seconds=COOLDOWN_SECONDS, max_entries=MAX_DOCUMENTS, monotonic=monotonic
        )

    async def metadata(self) -> ProviderMetadata:
        """The metadata, after a fetch if one is due. Raises ProviderUnavailable."""
        return self._usable(await self._metadata.get(self._profile.discovery_url), error_id="provider_metadata")

    async def candidate_keys(self, jwks_uri: str, *, algorithm: str, kid: str | None) -> list[ProviderKey]:
        """The keys that may have signed; empty if the provider has none such.

        A `kid` that is not known causes one fetch per cooldown: the provider may have a new key. Raises
        ProviderUnavailable while it cannot be known.
        """
        entry = await self._keys.get(jwks_uri)
        found = _candidates(self._usable(entry, error_id="provider_keys"), algorithm, kid)
        if found:
            return found
        entry = await self._keys.get(jwks_uri, refetch=True)
        found = _candidates(self._usable(entry, error_id="provider_keys"), algorithm, kid)
        if not found and entry.error is not None:
            raise ProviderUnavailable(f"the keys of the provider: {entry.error}", error_id="provider_keys")
        return found

    async def close(self) -> None:
        """Cancel fetches in progress."""
        await self._metadata.close()
        await self._keys.close()

    def _usable(self, entry: CacheEntry[T], *, error_id: str) -> T:
        document, error = entry.document, entry.error
        if document is None or (error is not None and self._monotonic() >= document.fetched_at + MAX_STALE_SECONDS):
            raise ProviderUnavailable(f"{self._profile.discovery_url}: {error}", error_id=error_id)
        return document.value

    async def _fetch_metadata(self, url: str) -> tuple[ProviderMetadata, int]:
        answer = await self._http.get(url, max_bytes=MAX_METADATA_BYTES)
        return parse_metadata(answer.body, issuer=self._profile.issuer), answer.fresh_seconds

    async def _fetch_keys(self, url: str) -> tuple[tuple[ProviderKey, ...], int]:
        accept: Mapping[str, str] = {"Accept": "application/jwk-set+json, application/json"}
        answer = await self._http.get(url, max_bytes=MAX_JWKS_BYTES, headers=accept)
        return parse_provider_keys(answer.body, algorithms=self._algorithms), answer.fresh_seconds


def _candidates(keys: tuple[ProviderKey, ...], algorithm: str, kid: str | None) -> list[ProviderKey]:
    return [key for key in keys if key.may_verify(algorithm=algorithm, kid=kid)]
