"""SSRF-safe HTTP client for URLs supplied by untrusted parties (invariant 10).

DNS rebinding between check and connect is impossible: a name is resolved once, every answer is checked, connections go
to these answers only, and each socket is created only for an address that passes the check again. Before the request
is sent, the peer of the open connection is checked once more.

No redirects, no proxies or credentials from the environment, no cookies, no compression. Size, time and concurrency
are bounded, so that slow hosts cannot use up the resources of the service.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from shared.fetch.dns_lookup import DnsLookup
from shared.fetch.freshness import freshness_seconds
from shared.ip_addresses import is_public, parse_ip_address

if TYPE_CHECKING:
    from shared.ip_addresses import IPAddress

TIMEOUT_SECONDS: Final = 5.0
TURN_SECONDS: Final = 2.0
"""How long a fetch waits while too many others are in progress. Both times together are less than the shortest time-out
of the hosted clients (ten seconds, interop.md A13)."""
MAX_CONCURRENT: Final = 256
"""Each costs a socket and some 50 kB. The caller bounds the share of one requesting network (DocumentCache)."""
MAX_CONCURRENT_PER_HOST: Final = 8
"""Many URLs of one host, supplied by one attacker, must not flood that host."""

_PASSING: Final = frozenset({408, 425, 429})
"""The client errors after which a repetition may succeed."""

USER_AGENT: Final = "sallyport (client metadata fetch)"

Lookup = Callable[[str, int], Awaitable[list[tuple[str, int]]]]
"""Host and port to (address, port) pairs: every answer there is. Raises OSError."""


class FetchFailed(Exception):
    """No usable answer. The text is for the log only."""


class FetchNotAttempted(FetchFailed):
    """The host was not asked, so that nothing is known of it: not to be remembered as its failure."""


class FetchRefused(FetchFailed):
    """The host gave an answer that is no document and that a repetition would not change: a redirect, 403, too long."""


class FetchGone(FetchFailed):
    """The host says that there is no such document (404, 410)."""


@dataclass(frozen=True, slots=True)
class FetchedBody:
    """A complete answer with status 200."""

    body: bytes
    content_type: str
    fresh_seconds: int
    """How long the answer may be used (RFC 9111, within our bounds)."""


class SsrfSafeClient:
    """GET requests, each on a new connection; construction connects nothing."""

    def __init__(
        self,
        *,
        allowed: Callable[[IPAddress], bool] = is_public,
        lookup: Lookup | None = None,
        tls: ssl.SSLContext | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        """`allowed` decides which addresses may be reached; `tls` verifies certificates.

        The default is aiohttp's context of the system's authorities: loading them again takes about 50 ms.
        """
        self._allowed = allowed
        self._own_lookup = DnsLookup()
        self._lookup: Lookup = lookup or self._own_lookup
        self._tls: ssl.SSLContext | Literal[True] = tls or True
        self._timeout = timeout_seconds
        self._limit = asyncio.Semaphore(MAX_CONCURRENT)
        # The semaphore of a host is dropped with the last fetch that holds it.
        self._host_limits: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def get(self, url: str, *, max_bytes: int, accept: str = "application/json") -> FetchedBody:
        """Fetch one URL.

        Raises FetchFailed for everything that is not a complete, small answer with status 200.
        """
        async with AsyncExitStack() as turn:
            try:
                async with asyncio.timeout(TURN_SECONDS):
                    await turn.enter_async_context(self._host_limit(url))
                    await turn.enter_async_context(self._limit)
            except TimeoutError as exc:
                raise FetchNotAttempted(f"no turn within {TURN_SECONDS} s") from exc
            return await self._attempt(url, max_bytes, accept)

    async def _attempt(self, url: str, max_bytes: int, accept: str) -> FetchedBody:
        try:
            async with asyncio.timeout(self._timeout):
                return await self._get(url, max_bytes, accept)
        except FetchFailed:
            raise
        except TimeoutError as exc:
            raise FetchFailed(f"no complete answer within {self._timeout} s") from exc
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            raise FetchFailed(f"{type(exc).__name__}: {exc}"[:300]) from exc

    async def close(self) -> None:
        """End the lookups in progress."""
        await self._own_lookup.close()

    async def _get(self, url: str, max_bytes: int, accept: str) -> FetchedBody:
        connector = _PeerCheckingConnector(
            check=self._check,
            resolver=_CheckingResolver(self._lookup, self._check),
            socket_factory=self._make_socket,
            use_dns_cache=False,
            ssl=self._tls,
            force_close=True,
        )
        async with (
            aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
                raise_for_status=False,
                headers={"User-Agent": USER_AGENT, "Accept": accept, "Accept-Encoding": "identity"},
            ) as session,
            session.get(url, allow_redirects=False, max_line_size=4096, max_field_size=4096) as response,
        ):
            return await read_document(response, max_bytes)

    def _host_limit(self, url: str) -> asyncio.Semaphore:
        host = urlsplit(url).netloc.lower()
        limit = self._host_limits.get(host)
        if limit is None:
            limit = self._host_limits[host] = asyncio.Semaphore(MAX_CONCURRENT_PER_HOST)
        return limit

    def _check(self, address_text: str) -> None:
        address = parse_ip_address(address_text)
        if address is None or not self._allowed(address):
            raise FetchFailed(f"the address {address_text!r:.60} is not one that may be reached")

    def _make_socket(self, addr_info: tuple[Any, ...]) -> socket.socket:
        """The last check before connect: the kernel gets exactly this address. Covers address literals in the URL."""
        family, kind, protocol, _, sockaddr = addr_info
        self._check(sockaddr[0])
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made


class _PeerCheckingConnector(aiohttp.TCPConnector):
    """Checks the peer of each opened connection before the request is sent."""

    def __init__(self, *, check: Callable[[str], None], **options: Any) -> None:
        super().__init__(**options)
        self._check = check

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the signature is aiohttp's
    ) -> aiohttp.connector.Connection:
        connection = await super().connect(req, traces, timeout)
        transport = connection.transport
        peer = transport.get_extra_info("peername") if transport is not None else None
        try:
            self._check(str(peer[0]) if peer else "")
        except FetchFailed:
            connection.close()
            raise
        return connection


class _CheckingResolver(AbstractResolver):
    """Refuses a name if any of its answers may not be reached: one good address does not excuse a bad one."""

    def __init__(self, lookup: Lookup, check: Callable[[str], None]) -> None:
        self._lookup = lookup
        self._check = check

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        answers = await self._lookup(host, port)
        if not answers:
            raise FetchFailed(f"{host} has no address")
        results: list[ResolveResult] = []
        for address, target_port in answers:
            self._check(address)
            kind = socket.AF_INET6 if ":" in address else socket.AF_INET
            if family in {socket.AF_UNSPEC, kind}:
                flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
                results.append(
                    ResolveResult(hostname=host, host=address, port=target_port, family=kind, proto=0, flags=flags)
                )
        return results

    async def close(self) -> None:
        """Do nothing: the lookup belongs to the client."""


async def read_bounded(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    """The uncompressed body, if it has at most `max_bytes`. Raises FetchFailed, without reading further."""
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise FetchRefused("a compressed answer, which was not asked for")
    if response.content_length is not None and response.content_length > max_bytes:
        raise FetchRefused(f"{response.content_length} bytes announced, more than {max_bytes}")
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > max_bytes:
            raise FetchRefused(f"more than {max_bytes} bytes")
    return bytes(body)


async def read_document(response: aiohttp.ClientResponse, max_bytes: int) -> FetchedBody:
    """The answer, if it is complete, small enough and has status 200. Raises FetchFailed."""
    if response.status in {404, 410}:
        raise FetchGone(f"status {response.status}")
    if 300 <= response.status < 500 and response.status not in _PASSING:
        raise FetchRefused(f"status {response.status}")
    if response.status != 200:
        raise FetchFailed(f"status {response.status}")
    return FetchedBody(
        body=await read_bounded(response, max_bytes),
        content_type=response.headers.get("Content-Type", ""),
        fresh_seconds=freshness_seconds(
            cache_control=response.headers.get("Cache-Control", ""), age=response.headers.get("Age", "")
        ),
    )
