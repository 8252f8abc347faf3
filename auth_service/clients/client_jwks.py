"""The public keys of clients: from their registration, or fetched from their `jwks_uri` (invariant 10)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from auth_service.clients.client_assertion import candidate_keys
from auth_service.clients.client_metadata import public_keys
from auth_service.protocol.errors import InvalidClient, InvalidClientMetadata
from shared.errors import ServiceUnavailable
from shared.fetch.document_cache import CacheEntry, DocumentCache
from shared.fetch.ssrf_safe_client import FetchGone, FetchRefused, SsrfSafeClient
from shared.jose.strict_json import BadJson, parse_json_object

if TYPE_CHECKING:
    from auth_service.clients.client import Client
    from shared.jose.keys import VerificationKey

MAX_JWKS_BYTES: Final = 32 * 1024
COOLDOWN_SECONDS: Final = 60
"""The minimum seconds between two fetches of a JWKS, so that forged `kid`s cause no load on its host."""

MAX_STALE_SECONDS: Final = 86_400
CACHE_SIZE: Final = 256

Keys = list[dict[str, Any]]


class ClientJwksUnavailable(ServiceUnavailable):
    """The client's JWKS cannot be fetched, so that the assertion can be neither accepted nor refused (invariant 8)."""

    public = "The client's keys could not be fetched just now. Please try again in a minute."

    def __init__(self, reason: str) -> None:
        super().__init__(reason, error_id="client_keys_fetched", retry_after_seconds=COOLDOWN_SECONDS)


class ClientJwks:
    """Finds the keys that may have signed an assertion."""

    def __init__(
        self,
        *,
        http: SsrfSafeClient,
        begin_fetch: Callable[[], Callable[[], None]] = lambda: lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`monotonic` is in seconds."""
        self._http = http
        self._monotonic = monotonic
        self._cache = DocumentCache[Keys](
            self._fetch,
            begin_fetch=begin_fetch,
            cooldown_seconds=COOLDOWN_SECONDS,
            max_entries=CACHE_SIZE,
            monotonic=monotonic,
        )

    async def candidates(self, client: Client, *, algorithm: str, kid: str | None) -> list[VerificationKey]:
        """The keys to try.

        Raises InvalidClient if there is none; ClientJwksUnavailable or TooManyRequests if that cannot be decided.
        """
        if client.jwks is not None:
            found = candidate_keys(client.jwks["keys"], algorithm=algorithm, kid=kid)
        elif client.jwks_uri is not None:
            found = await self._fetched_candidates(client.jwks_uri, algorithm, kid)
        else:
            found = []
        if not found:
            raise InvalidClient("the client has no such key", error_id="assertion_key")
        return found

    async def close(self) -> None:
        """Cancel fetches in progress."""
        await self._cache.close()

    async def _fetched_candidates(self, uri: str, algorithm: str, kid: str | None) -> list[VerificationKey]:
        entry = await self._cache.get(uri)
        found = candidate_keys(self._usable(uri, entry), algorithm=algorithm, kid=kid)
        if not found:
            # The client may have added a key since.
            entry = await self._cache.get(uri, refetch_after=COOLDOWN_SECONDS)
            found = candidate_keys(self._usable(uri, entry), algorithm=algorithm, kid=kid)
        if not found and entry.error is not None:
            raise ClientJwksUnavailable(f"{uri}: {entry.error}")
        return found

    def _usable(self, uri: str, entry: CacheEntry[Keys]) -> Keys:
        """The keys of the last good copy, for a day while the host fails."""
        document, error = entry.document, entry.error
        if isinstance(error, FetchRefused | FetchGone) and document is None:
            raise InvalidClient(f"{uri}: {error}", error_id="client_keys_acceptable")
        if error is not None and (document is None or self._monotonic() >= document.fetched_at + MAX_STALE_SECONDS):
            raise ClientJwksUnavailable(f"{uri}: {error}")
        return [] if document is None else document.value

    async def _fetch(self, uri: str) -> tuple[Keys, int]:
        answer = await self._http.get(
            uri, max_bytes=MAX_JWKS_BYTES, accept="application/jwk-set+json, application/json"
        )
        try:
            keys = public_keys(parse_json_object(answer.body))
        except (InvalidClientMetadata, BadJson) as exc:
            raise FetchRefused(str(exc) or type(exc).__name__) from exc
        return keys, answer.fresh_seconds
