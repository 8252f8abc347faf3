"""The keys that sign for a page: those of the configuration, or fetched from its `jwks_uri`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from auth_service.federation.external.signed_jwt import refused
from auth_service.federation.provider import ProviderUnavailable
from shared.fetch.document_cache import CacheEntry, DocumentCache
from shared.fetch.ssrf_safe_client import FetchFailed, FetchRefused
from shared.jose.keys import InvalidKey, verification_keys
from shared.jose.strict_json import BadJson, parse_json_object

if TYPE_CHECKING:
    from collections.abc import Callable

    from auth_service.federation.configuration import ExternalProvider
    from auth_service.federation.external.signed_jwt import UnverifiedJwt
    from auth_service.federation.http import ProviderHttp
    from shared.jose.keys import VerificationKey

MAX_JWKS_BYTES: Final = 64 * 1024
COOLDOWN_SECONDS: Final = 60
"""At most one fetch in this time, after success and failure alike: invented `kid`s cost the host nothing."""
MAX_STALE_SECONDS: Final = 3600
"""For how long the last good copy serves while the host does not answer."""
_HEADERS: Final = {"Accept": "application/jwk-set+json, application/json"}


class SigningKeys:
    """Finds the key that must have signed a JWT."""

    def __init__(self, configuration: ExternalProvider, *, fetch: ProviderHttp, monotonic: Callable[[], float]) -> None:
        """`monotonic` is in seconds."""
        self._configured = None if configuration.jwks is None else verification_keys(configuration.jwks)
        self._uri = configuration.jwks_uri or ""
        self._http = fetch
        self._monotonic = monotonic
        self._cache = DocumentCache[list["VerificationKey"]](
            self._fetch, cooldown_seconds=COOLDOWN_SECONDS, max_entries=1, monotonic=monotonic
        )
        self._failing = False

    @property
    def is_available(self) -> bool:
        """Whether the last fetch succeeded, or there was none."""
        return not self._failing

    async def find(self, jwt: UnverifiedJwt) -> VerificationKey:
        """The one key. Raises SignInRefused if there is none or more than one, ProviderUnavailable if that is unknown.

        A key is for one algorithm. Without a `kid` exactly one key of the set may fit: no key is found by trying.
        """
        error = None
        if self._configured is not None:
            found = _matching(self._configured, jwt)
        else:
            keys, error = self._usable(await self._cache.get(self._uri))
            found = _matching(keys, jwt)
            if not found:
                # The issuer may have added a key since.
                keys, error = self._usable(await self._cache.get(self._uri, refetch=True))
                found = _matching(keys, jwt)
        if not found and error is not None:
            raise _unavailable(self._uri, error)
        if len(found) != 1:
            raise refused("key", f"{len(found)} keys of the issuer fit alg {jwt.algorithm}, kid {jwt.kid!r:.60}")
        return found[0]

    async def problem(self) -> str | None:
        """Why there are no keys, for the operator; None if there are."""
        if self._configured is not None:
            return None
        try:
            self._usable(await self._cache.get(self._uri))
        except ProviderUnavailable as exc:
            return exc.reason
        return None

    async def close(self) -> None:
        """Cancel fetches in progress."""
        await self._cache.close()

    def _usable(self, entry: CacheEntry[list[VerificationKey]]) -> tuple[list[VerificationKey], FetchFailed | None]:
        document, error = entry.document, entry.error
        if document is None or (error is not None and self._monotonic() > document.fetched_at + MAX_STALE_SECONDS):
            raise _unavailable(self._uri, error)
        return document.value, error

    async def _fetch(self, uri: str) -> tuple[list[VerificationKey], int]:
        self._failing = True
        answer = await self._http.get(uri, max_bytes=MAX_JWKS_BYTES, headers=_HEADERS)
        try:
            keys = verification_keys(parse_json_object(answer.body))
        except (InvalidKey, BadJson) as exc:
            raise FetchRefused(str(exc)) from exc
        self._failing = False
        return keys, answer.fresh_seconds


def _matching(keys: list[VerificationKey], jwt: UnverifiedJwt) -> list[VerificationKey]:
    return [key for key in keys if key.algorithm == jwt.algorithm and jwt.kid in (None, key.kid)]


def _unavailable(uri: str, error: FetchFailed | None) -> ProviderUnavailable:
    return ProviderUnavailable(f"{uri}: {error}", error_id="external_jwks", retry_after_seconds=COOLDOWN_SECONDS)
