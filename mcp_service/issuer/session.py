"""The HTTP session of requests to the issuer."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import aiohttp

from mcp_service.issuer.keepalive import open_probed_socket
from mcp_service.issuer.metadata import BadMetadata

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

CONNECT_SECONDS: Final = 3.0
RESPONSE_SECONDS: Final = 5.0

REQUEST_ERRORS: Final = (aiohttp.ClientError, TimeoutError, OSError, ValueError, BadMetadata)
"""The exceptions of a request to the issuer, besides FetchFailed."""


class IssuerSession:
    """A session that is opened at the first request: without redirects, cookies, proxies and decompression."""

    def __init__(self, *, response_seconds: float = RESPONSE_SECONDS) -> None:
        self.response_seconds = response_seconds
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> aiohttp.ClientSession:
        """The session, opened if it is not yet."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                # The host is configured: it is found as the operator's machine finds every other (nsswitch.conf).
                connector=aiohttp.TCPConnector(resolver=aiohttp.ThreadedResolver(), socket_factory=open_probed_socket),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session

    @asynccontextmanager
    async def get(
        self, url: str, *, headers: Mapping[str, str], wait_seconds: int, params: Mapping[str, str] | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send one request, which the issuer may hold for `wait_seconds` (RFC 7240). Raises REQUEST_ERRORS."""
        whole = {"Accept-Encoding": "identity", **headers}
        if wait_seconds:
            whole["Prefer"] = f"wait={wait_seconds}"
        async with asyncio.timeout(wait_seconds + self.response_seconds):
            response = await self.open().get(url, params=params, headers=whole, allow_redirects=False)
        # The body has a timeout of its own: single bytes could trickle in for ever.
        async with response, asyncio.timeout(self.response_seconds):
            yield response

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def etag_of(response: aiohttp.ClientResponse) -> str | None:
    """The ETag of a response, if it is short enough to be sent back."""
    etag = response.headers.get("ETag")
    return etag if etag is not None and len(etag) <= 256 else None
