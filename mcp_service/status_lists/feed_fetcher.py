"""Fetches the issuer's feed of status lists with one request: bounded in time and size, long polling included."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from mcp_service.issuer.long_polling import was_held_back
from mcp_service.issuer.session import REQUEST_ERRORS, RESPONSE_SECONDS, IssuerSession
from mcp_service.status_lists.feed import MAX_FEED_BYTES, InvalidFeed
from shared.fetch.ssrf_safe_client import FetchFailed, read_bounded
from shared.http.media_type import essence_of

if TYPE_CHECKING:
    import aiohttp

    from mcp_service.status_lists.discovery import FeedDiscovery


class FeedResponse(NamedTuple):
    """The issuer's response. `held_back` tells whether it honoured `Prefer: wait`."""

    body: bytes
    held_back: bool


class FeedFetcher:
    """Fetches the feed of one issuer."""

    def __init__(self, discovery: FeedDiscovery, *, response_seconds: float = RESPONSE_SECONDS) -> None:
        self._discovery = discovery
        self._session = IssuerSession(response_seconds=response_seconds)

    @property
    def is_configured(self) -> bool:
        """Whether the address of the feed is configured."""
        return self._discovery.is_configured

    @property
    def prefix(self) -> str:
        """The beginning of the address of each list of this issuer."""
        return self._discovery.prefix

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def fetch(self, *, cursor: str, wait_seconds: int) -> FeedResponse | None:
        """Send one request, which the issuer may hold for `wait_seconds` until something differs from `cursor`.

        None if the issuer has no feed. Raises FetchFailed; InvalidFeed if the cursor is refused.
        """
        try:
            async with asyncio.timeout(self._session.response_seconds):
                address = await self._discovery.find(self._session.open())
            if address is None:
                return None
            async with self._session.get(
                address, params={"known": cursor}, headers={"Accept": "application/json"}, wait_seconds=wait_seconds
            ) as response:
                return await _read(response)
        except FetchFailed:
            self._discovery.forget()
            raise
        except REQUEST_ERRORS as exc:
            self._discovery.forget()
            raise FetchFailed(f"{type(exc).__name__}: {exc}"[:300]) from exc


async def _read(response: aiohttp.ClientResponse) -> FeedResponse:
    if response.status == 400:
        raise InvalidFeed("status 400: the cursor is not one of this issuer")
    if response.status != 200:
        raise FetchFailed(f"status {response.status}")
    content_type = response.headers.get("Content-Type", "")
    if essence_of(content_type) != "application/json":
        raise FetchFailed(f"content type {content_type!r:.60}")
    return FeedResponse(await read_bounded(response, MAX_FEED_BYTES), was_held_back(response.headers))
