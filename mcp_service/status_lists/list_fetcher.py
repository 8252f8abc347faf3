"""Fetches a status list by its address (Token Status List draft, section 8): bounded in time, size and number.

Only an address below a configured prefix is requested (invariants 2 and 10): it comes from a token, and a request
leaves this machine, so the operator decides where it may go. It is compared and requested byte by byte, so that no two
parsers read it differently. No redirect is followed: it would lead to an address that nothing allows.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from mcp_service.issuer.session import REQUEST_ERRORS, RESPONSE_SECONDS, IssuerSession, etag_of
from mcp_service.status_lists.list_encoding import DRAFT_FORM
from shared.access_tokens.profile import STATUS_LIST_TYPE
from shared.configured_url import origin_of
from shared.fetch.ssrf_safe_client import FetchFailed, FetchGone, read_bounded
from shared.http.media_type import essence_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    import aiohttp

MEDIA_TYPE: Final = f"application/{STATUS_LIST_TYPE}"
MAX_CONCURRENT_PER_ORIGIN: Final = 8
"""An origin that does not answer delays the lists of no other; the prefixes bound the number of origins."""


_PLAIN_PATH: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]+/)*[A-Za-z0-9._~!$&'()*+,;=:@-]+")
"""Segments of unreserved characters, delimiters, `:` and `@` (RFC 3986 section 3.3): none is empty or encoded."""


class ListResponse(NamedTuple):
    """The issuer's response. `unverified_token` is None if the list held is current (304)."""

    unverified_token: str | None
    etag: str | None


class ListAddresses:
    """The addresses at which a list may be fetched. Pure."""

    def __init__(self, prefixes: Iterable[str]) -> None:
        """Each prefix ends at the boundary of a path segment, with or without a slash."""
        self._prefixes = tuple(f"{prefix.removesuffix('/')}/" for prefix in prefixes)

    def allow(self, unverified_uri: str) -> bool:
        """Whether the address is of the origin and below the path of a prefix, and is written plainly."""
        for prefix in self._prefixes:
            if unverified_uri.startswith(prefix):
                rest = unverified_uri[len(prefix) :]
                is_plain = _PLAIN_PATH.fullmatch(rest) is not None
                return is_plain and {".", ".."}.isdisjoint(rest.split("/"))
        return False


class ListFetcher:
    """Fetches lists below the configured prefixes."""

    def __init__(self, addresses: ListAddresses, *, response_seconds: float = RESPONSE_SECONDS) -> None:
        self._addresses = addresses
        self._session = IssuerSession(response_seconds=response_seconds)
        self._turns: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(MAX_CONCURRENT_PER_ORIGIN)
        )

    def may_fetch(self, unverified_uri: str) -> bool:
        """Whether the address is one of the issuer's lists."""
        return self._addresses.allow(unverified_uri)

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def fetch(self, uri: str, *, etag: str | None) -> ListResponse:
        """Send one request. Raises FetchFailed; FetchGone if there is no such list."""
        if not self.may_fetch(uri):
            raise FetchFailed("the address is below none of the prefixes")
        headers = {"Accept": MEDIA_TYPE}
        if etag is not None:
            headers["If-None-Match"] = etag
        try:
            # Waiting for a turn counts: a caller of the guard waits for all of it.
            async with (
                asyncio.timeout(1.5 * self._session.response_seconds),
                self._turns[origin_of(uri)],
                self._session.get(uri, headers=headers, wait_seconds=0) as response,
            ):
                return await _read(response, etag)
        except REQUEST_ERRORS as exc:
            raise FetchFailed(f"{type(exc).__name__}: {exc}"[:300]) from exc


async def _read(response: aiohttp.ClientResponse, etag: str | None) -> ListResponse:
    if response.status == 304 and etag is not None:
        return ListResponse(None, etag)
    if response.status in {404, 410}:
        raise FetchGone(f"status {response.status}")
    if response.status != 200:
        raise FetchFailed(f"status {response.status}")
    content_type = response.headers.get("Content-Type", "")
    if essence_of(content_type) != MEDIA_TYPE:
        raise FetchFailed(f"content type {content_type!r:.60}")
    body = await read_bounded(response, DRAFT_FORM.max_token_bytes)
    # The compact form of a JWS is ASCII; anything else fails to parse.
    return ListResponse(body.decode("ascii", "replace").strip(), etag_of(response))
