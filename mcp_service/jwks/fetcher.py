"""Fetches the issuer's JWKS with one request: bounded in time and size, without redirects and decompression.

Owns: its HTTP, long polling included (RFC 7240 `Prefer: wait`). Does not own: the schedule, the rules for a document.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from mcp_service.issuer.long_polling import was_held_back
from mcp_service.issuer.session import REQUEST_ERRORS, RESPONSE_SECONDS, IssuerSession, etag_of
from shared.fetch.freshness import max_age_of
from shared.fetch.ssrf_safe_client import FetchFailed, read_bounded
from shared.http.long_polls import REPLICA_HEADER
from shared.http.media_type import essence_of

if TYPE_CHECKING:
    import aiohttp

    from mcp_service.jwks.discovery import JwksDiscovery
    from shared.clock_skew import ClockSkew

MAX_DOCUMENT_BYTES: Final = 256 * 1024

_JSON_TYPES: Final = frozenset({"application/json", "application/jwk-set+json"})


@dataclass(frozen=True, slots=True)
class JwksResponse:
    """The issuer's response. `body` is None if the cached set is current (304)."""

    body: bytes | None
    etag: str | None
    max_age: float | None
    held_back: bool
    """Whether the issuer honoured `Prefer: wait`: the next request may follow at once."""


class JwksFetcher:
    """Fetches the JWKS of one issuer."""

    def __init__(
        self,
        discovery: JwksDiscovery,
        *,
        replica: str,
        clock_skew: ClockSkew,
        response_seconds: float = RESPONSE_SECONDS,
    ) -> None:
        """`replica` names this process to the issuer: a key rotation waits until each named verifier has the key."""
        self._discovery = discovery
        self._replica = replica
        self._clock_skew = clock_skew
        self._session = IssuerSession(response_seconds=response_seconds)

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def fetch(self, *, etag: str | None, wait_seconds: int) -> JwksResponse:
        """Send one request, which the issuer may hold for `wait_seconds` until a change. Raises FetchFailed."""
        headers = {"Accept": "application/jwk-set+json, application/json", REPLICA_HEADER: self._replica}
        if etag is not None:
            headers["If-None-Match"] = etag
        try:
            async with asyncio.timeout(self._session.response_seconds):
                url = await self._discovery.find(self._session.open())
            async with self._session.get(url, headers=headers, wait_seconds=wait_seconds) as response:
                sent_at = issuer_time(response.headers.get("Date", ""), response.headers.get("Age", ""))
                if sent_at is not None:
                    self._clock_skew.report(self._clock_skew.now() - sent_at)
                return await _read(response, etag)
        except FetchFailed:
            self._discovery.forget()
            raise
        except REQUEST_ERRORS as exc:
            self._discovery.forget()
            raise FetchFailed(f"{type(exc).__name__}: {exc}"[:300]) from exc


async def _read(response: aiohttp.ClientResponse, etag: str | None) -> JwksResponse:
    held_back = was_held_back(response.headers)
    max_age = max_age_of(response.headers.get("Cache-Control", ""))
    if response.status == 304 and etag is not None:
        return JwksResponse(None, etag, max_age, held_back)
    if response.status != 200:
        raise FetchFailed(f"status {response.status}")
    content_type = response.headers.get("Content-Type", "")
    if essence_of(content_type) not in _JSON_TYPES:
        raise FetchFailed(f"content type {content_type!r:.60}")
    return JwksResponse(await read_bounded(response, MAX_DOCUMENT_BYTES), etag_of(response), max_age, held_back)


def issuer_time(date: str, age: str) -> float | None:
    """The issuer's clock when the response was received, within a second; None if `Date` does not tell.

    `Age` is the time in caches (RFC 9111 section 5.1). `Date` has whole seconds, so half of one is added. Pure.
    """
    try:
        sent = parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None
    cached = int(age) if re.fullmatch(r"[0-9]{1,9}", age) else 0
    return sent + cached + 0.5
