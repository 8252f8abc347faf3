"""Requests to identity providers: bounded in time, size and number, without redirects.

The addresses come from the operator, and from the metadata of a provider that the operator named. A provider inside the
operator's network is normal, so that no address is refused. Responses are bounded nevertheless: a provider that hangs,
sends without end or redirects must not occupy the service.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlencode

import aiohttp

from shared.fetch.ssrf_safe_client import FetchedBody, FetchFailed, FetchRefused, read_bounded, read_document

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

TIMEOUT_SECONDS: Final = 5.0
"""The seconds of a whole request, from the wait for a free connection to the last byte."""
MAX_CONCURRENT: Final = 64
MAX_CONCURRENT_PER_HOST: Final = 8
"""The maximum connections to one host: a provider that hangs occupies no others."""
MAX_HEADER_BYTES: Final = 16 * 1024
"""The maximum bytes of one header field. Large providers set several cookies of a kilobyte or two."""
USER_AGENT: Final = "sallyport (sign-in)"

_REQUEST: Final[dict[str, Any]] = {"allow_redirects": False}


@dataclass(frozen=True, slots=True)
class ProviderResponse:
    """A response whose status is no redirect."""

    status: int
    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)
    """The header fields, by name in any case; the first value of a repeated one."""


class ProviderHttp:
    """GET requests and form posts, each on a new connection; construction connects nothing."""

    def __init__(self, *, timeout_seconds: float = TIMEOUT_SECONDS, tls: ssl.SSLContext | None = None) -> None:
        """`tls` verifies certificates; by default the authorities of the system, or of SSL_CERT_FILE."""
        self._timeout = timeout_seconds
        self._tls: ssl.SSLContext | Literal[True] = tls or True
        self._session: aiohttp.ClientSession | None = None

    async def get(self, url: str, *, max_bytes: int, headers: Mapping[str, str] | None = None) -> FetchedBody:
        """Fetch one URL.

        Raises FetchFailed for everything that is not a complete answer of at most `max_bytes` with status 200.
        """
        async with self._request("GET", url, headers=headers or {}) as response:
            return await read_document(response, max_bytes)

    async def get_response(
        self, url: str, *, max_bytes: int, headers: Mapping[str, str] | None = None
    ) -> ProviderResponse:
        """Fetch one URL, whatever the status. Raises FetchFailed for a redirect, and as `post_form` does."""
        async with self._request("GET", url, headers=headers or {}) as response:
            return await _read_response(response, max_bytes)

    async def post_form(
        self, url: str, form: Mapping[str, str], *, max_bytes: int, headers: Mapping[str, str] | None = None
    ) -> ProviderResponse:
        """Post a form in UTF-8 (application/x-www-form-urlencoded).

        Raises FetchFailed if there is no complete answer of at most `max_bytes`, and for a redirect. The caller judges
        any other status. A form is sent once: it is not repeated after an error.
        """
        content = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        async with self._request("POST", url, headers=content, data=urlencode(form).encode()) as response:
            return await _read_response(response, max_bytes)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    @asynccontextmanager
    async def _request(
        self, method: str, url: str, *, headers: Mapping[str, str], data: bytes | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        whole = {"Accept": "application/json", **headers, "Accept-Encoding": "identity", "User-Agent": USER_AGENT}
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._open().request(method, url, headers=whole, data=data, **_REQUEST) as response,
            ):
                yield response
        except FetchFailed:
            raise
        except TimeoutError as exc:
            raise FetchFailed(f"no complete answer within {self._timeout} s") from exc
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            # Errors of the connection say what the operator must know; others may repeat what was sent.
            text = f"{type(exc).__name__}: {exc}" if isinstance(exc, OSError) else type(exc).__name__
            raise FetchFailed(text[:300]) from exc

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    # The host is configured: it is found as the operator's machine finds every other (nsswitch.conf).
                    # All requests to a host share one lookup, so that a silent name server costs one thread.
                    resolver=aiohttp.ThreadedResolver(),
                    limit=MAX_CONCURRENT,
                    limit_per_host=MAX_CONCURRENT_PER_HOST,
                    ssl=self._tls,
                    # A connection that the provider closed meanwhile would fail a form that cannot be repeated.
                    force_close=True,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                auto_decompress=False,
                trust_env=False,
                max_line_size=MAX_HEADER_BYTES,
                max_field_size=MAX_HEADER_BYTES,
            )
        return self._session


async def _read_response(response: aiohttp.ClientResponse, max_bytes: int) -> ProviderResponse:
    if 300 <= response.status < 400:
        raise FetchRefused(f"status {response.status}")
    return ProviderResponse(
        status=response.status,
        body=await read_bounded(response, max_bytes),
        content_type=response.headers.get("Content-Type", ""),
        headers=response.headers,
    )
