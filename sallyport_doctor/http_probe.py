"""The HTTP client: bounded in time and size, without cookies or retries; follows redirects only like MCP clients."""

from __future__ import annotations

import ssl
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Self

import aiohttp

from sallyport_doctor.addresses import join, origin_of, split
from sallyport_doctor.dns import DnsResolver, GuardedResolver, NotPublic
from sallyport_doctor.http_exchange import Failure, HttpExchange

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

MAX_BODY_BYTES: Final = 512 * 1024
MAX_HOPS: Final = 3
USER_AGENT: Final = "sallyport-doctor/0.1"


class HttpProbe:
    """Sends one request at a time and records the exchange. Use as an async context manager."""

    def __init__(
        self,
        url: str,
        *,
        dns: DnsResolver,
        tls: ssl.SSLContext | None = None,
        timeout_seconds: float = 20,
        monotonic_clock: Callable[[], float] = time.monotonic,
        on_request: Callable[[str], None] = lambda _request: None,
    ) -> None:
        """`url` is the URL that the user entered: its host may be non-public, other hosts must be public."""
        host = split(url).hostname or ""
        self._resolver = GuardedResolver(dns, {host})
        self._clock = monotonic_clock
        self._on_request = on_request
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=self._resolver, ssl=tls or True, use_dns_cache=False),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=timeout_seconds, connect=10),
            headers={"User-Agent": USER_AGENT},
            auto_decompress=True,
        )

    def allow_private(self) -> None:
        """Allow non-public addresses in documents, because the entered URL is non-public itself."""
        self._resolver.allow_private = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._session.close()

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> HttpExchange:
        """GET a document and follow up to three redirects, like clients; `hops` records them."""
        return await self._follow(await self.request("GET", url, headers=headers), headers)

    async def follow_as_browser(self, exchange: HttpExchange) -> HttpExchange:
        """Follow the redirects of an exchange like a browser, with its cookies, which are discarded afterwards.

        Stops at a redirect to another origin: the page there may be that of an identity provider, not of the server.
        """
        return await self._follow(exchange, None, as_browser=True)

    async def _follow(
        self,
        exchange: HttpExchange,
        headers: Mapping[str, str] | None,
        *,
        as_browser: bool = False,
    ) -> HttpExchange:
        url, hops = exchange.url, list[str]()
        while exchange.is_redirect and exchange.location and len(hops) < MAX_HOPS:
            target = join(exchange.url, exchange.location)
            if not target.startswith(("https://", "http://")):
                break
            if as_browser and origin_of(target) != origin_of(exchange.url):
                break
            if as_browser and exchange.cookies:
                headers = {"Cookie": "; ".join(exchange.cookies)}
            hops.append(target)
            exchange = await self.request("GET", target, headers=headers)
        return replace(exchange, url=url, hops=tuple(hops)) if hops else exchange

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        form: list[tuple[str, str]] | None = None,
    ) -> HttpExchange:
        """Send one request. Network and server errors are recorded in the exchange, never raised."""
        self._on_request(f"{method} {url.partition('?')[0]}")
        started = self._clock()
        arguments: dict[str, Any] = {"headers": headers, "allow_redirects": False}
        if json is not None:
            arguments["json"] = json
        if form is not None:
            arguments["data"] = aiohttp.FormData(form)
        try:
            await self._resolver.check(url)
            async with self._session.request(method, url, **arguments) as response:
                body = await _read_bounded(response)
                return HttpExchange(
                    method=method,
                    url=url,
                    status=response.status,
                    headers=tuple(response.headers.items()),
                    body=body,
                    seconds=self._clock() - started,
                )
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as exc:
            return HttpExchange(
                method=method,
                url=url,
                seconds=self._clock() - started,
                failure=_failure(exc),
                detail=_detail(exc),
            )


async def _read_bounded(response: aiohttp.ClientResponse) -> bytes:
    """Read up to MAX_BODY_BYTES. An event stream may stay open: read its first event only."""
    parts: list[bytes] = []
    size = 0
    streaming = response.content_type == "text/event-stream"
    async for chunk in response.content.iter_any():
        parts.append(chunk)
        size += len(chunk)
        if size >= MAX_BODY_BYTES or (streaming and b"\n\n" in b"".join(parts).replace(b"\r\n", b"\n")):
            break
    return b"".join(parts)[:MAX_BODY_BYTES]


# The first match counts: subclasses precede their base classes.
_FAILURES: Final[tuple[tuple[type[BaseException], Failure], ...]] = (
    (aiohttp.ClientConnectorDNSError, Failure.DNS),
    (ssl.SSLError, Failure.TLS),
    (aiohttp.ClientSSLError, Failure.TLS),
    (TimeoutError, Failure.TIMEOUT),
    (aiohttp.ClientConnectorError, Failure.REFUSED),
    (aiohttp.ClientError, Failure.PROTOCOL),
    (OSError, Failure.DNS),
)


def _failure(exc: BaseException) -> Failure:
    if isinstance(exc, NotPublic) or isinstance(exc.__cause__, NotPublic):
        return Failure.NOT_PUBLIC
    return next((failure for kind, failure in _FAILURES if isinstance(exc, kind)), Failure.PROTOCOL)


def _detail(exc: BaseException) -> str:
    return str(exc).split("\n", 1)[0][:200]
