"""The HTTP session of requests to the issuer."""

from __future__ import annotations

from typing import Final

import aiohttp

CONNECT_SECONDS: Final = 3.0
RESPONSE_SECONDS: Final = 5.0


class IssuerSession:
    """Opened at the first request: no cookies, no proxies from the environment, no decompression."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> aiohttp.ClientSession:
        """The session."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                # The host is configured: it is found as the operator's machine finds every other (nsswitch.conf).
                connector=aiohttp.TCPConnector(resolver=aiohttp.ThreadedResolver()),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None
