"""One request for the issuer's key set: bounded in time and size, no redirects, nothing decompressed.

Owns: the HTTP of it, long-polling included (RFC 7240 `Prefer: wait`). Does not own: when to ask, or what to believe.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import aiohttp

from mcp_service.guard.bounded_body import read_bounded
from mcp_service.jwks.discovery import BadMetadata

if TYPE_CHECKING:
    from mcp_service.jwks.discovery import JwksDiscovery

MAX_DOCUMENT_BYTES: Final = 256 * 1024
CONNECT_SECONDS: Final = 3.0
ANSWER_SECONDS: Final = 5.0

_JSON_TYPES: Final = frozenset({"application/json", "application/jwk-set+json"})


class FetchFailed(Exception):
    """No usable answer. The text is for the log."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the issuer said. `body` is None when our copy is still right (304)."""

    body: bytes | None
    etag: str | None
    max_age: float | None
    held_back: bool
    """Whether the issuer honoured the wish to wait: asking again at once is then what it wants."""


class JwksFetcher:
    """Asks one issuer for its keys."""

    def __init__(self, location: JwksDiscovery, *, replica: str, answer_seconds: float = ANSWER_SECONDS) -> None:
        """`replica` is the name under which the issuer sees this process in its proof of propagation."""
        self._location = location
        self._replica = replica
        self._answer_seconds = answer_seconds
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def fetch(self, *, etag: str | None, wait_seconds: int) -> Answer:
        """Ask once. With `wait_seconds` the issuer may hold the answer until the set changes. Raises FetchFailed."""
        headers = {
            "Accept": "application/jwk-set+json, application/json",
            "Accept-Encoding": "identity",
            "Sallyport-Replica": self._replica,
        }
        if etag is not None:
            headers["If-None-Match"] = etag
        if wait_seconds:
            headers["Prefer"] = f"wait={wait_seconds}"
        try:
            session = self._open()
            async with asyncio.timeout(self._answer_seconds):
                url = await self._location.find(session)
            async with asyncio.timeout(wait_seconds + self._answer_seconds):
                response = await session.get(url, headers=headers, allow_redirects=False)
            # A drip of single bytes must not go on for ever: the body has a time of its own.
            async with response, asyncio.timeout(self._answer_seconds):
                return await _read(response, etag)
        except FetchFailed:
            self._location.forget()
            raise
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, BadMetadata) as exc:
            self._location.forget()
            raise FetchFailed(f"{type(exc).__name__}: {exc}"[:300]) from exc

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            # No cookies, no proxies from the environment, nothing decompressed, no connection kept for ever.
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session


async def _read(response: aiohttp.ClientResponse, etag: str | None) -> Answer:
    held_back = "wait" in response.headers.get("Preference-Applied", "").lower()
    max_age = _max_age(response.headers.get("Cache-Control", ""))
    if response.status == 304 and etag is not None:
        return Answer(None, etag, max_age, held_back)
    if response.status != 200:
        raise FetchFailed(f"status {response.status}")
    if response.content_type not in _JSON_TYPES:
        raise FetchFailed(f"content type {response.content_type!r:.60}")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise FetchFailed("a compressed answer, which was not asked for")
    return Answer(await read_bounded(response, MAX_DOCUMENT_BYTES), _etag(response), max_age, held_back)


def _etag(response: aiohttp.ClientResponse) -> str | None:
    etag = response.headers.get("ETag")
    return etag if etag is not None and len(etag) <= 256 else None


def _max_age(cache_control: str) -> float | None:
    found = re.search(r"(?:^|[\s,])max-age=(\d{1,9})(?:$|[\s,])", cache_control.lower())
    return float(found[1]) if found else None
