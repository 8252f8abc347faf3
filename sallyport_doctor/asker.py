"""Asking over HTTP: bounded in time and size, without cookies or retries; redirects only where clients follow."""

from __future__ import annotations

import ssl
import time
from typing import TYPE_CHECKING, Any, Final, Self

import aiohttp

from sallyport_doctor.addresses import join, origin_of, split
from sallyport_doctor.exchange import Exchange, Failure
from sallyport_doctor.names import GuardedResolver, Names, NotPublic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

MAX_BODY_BYTES: Final = 512 * 1024
MAX_HOPS: Final = 3
USER_AGENT: Final = "sallyport-doctor/0.1"


class Asker:
    """Sends one request at a time and records it. Use as an async context manager."""

    def __init__(
        self,
        url: str,
        *,
        names: Names,
        tls: ssl.SSLContext | None = None,
        timeout_seconds: float = 20,
        clock: Callable[[], float] = time.monotonic,
        on_ask: Callable[[str], None] = lambda _what: None,
    ) -> None:
        """`url` is what the person typed: its host may be anywhere, other hosts only where it is itself."""
        host = split(url).hostname or ""
        self._resolver = GuardedResolver(names, {host})
        self._clock = clock
        self._on_ask = on_ask
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=self._resolver, ssl=tls or True, use_dns_cache=False),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=timeout_seconds, connect=10),
            headers={"User-Agent": USER_AGENT},
            auto_decompress=True,
        )

    def allow_private(self) -> None:
        """Let documents name private addresses too, because the typed address is one."""
        self._resolver.anything_goes = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._session.close()

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> Exchange:
        """GET a document, following up to three redirects as clients do; they are recorded in `hops`."""
        return await self._follow(await self.ask("GET", url, headers=headers), headers)

    async def go_on(self, answer: Exchange, *, never_to: str) -> Exchange:
        """From a redirect to its page as a browser goes: cookies go along to the next address of the same origin.

        A redirect into the origin of `never_to` is not followed. The cookies are forgotten at the end.
        """
        return await self._follow(answer, None, carry_cookies=True, never_to=never_to)

    async def _follow(
        self, exchange: Exchange, headers: Mapping[str, str] | None, *, carry_cookies: bool = False, never_to: str = ""
    ) -> Exchange:
        url, hops = exchange.url, list[str]()
        while exchange.is_redirect and exchange.location and len(hops) < MAX_HOPS:
            following = join(exchange.url, exchange.location)
            if not following.startswith(("https://", "http://")) or origin_of(following) == origin_of(never_to):
                break
            if carry_cookies and origin_of(following) == origin_of(exchange.url):
                headers = {"Cookie": "; ".join(exchange.cookies)} if exchange.cookies else headers
            elif carry_cookies:
                headers = None
            hops.append(following)
            exchange = await self.ask("GET", following, headers=headers)
        return _with_hops(exchange, url, hops)

    async def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        form: list[tuple[str, str]] | None = None,
    ) -> Exchange:
        """Send one request and never raise for what the network or the server does."""
        self._on_ask(f"{method} {url.partition('?')[0]}")
        started = self._clock()
        arguments: dict[str, Any] = {"headers": headers, "allow_redirects": False}
        if json is not None:
            arguments["json"] = json
        if form is not None:
            arguments["data"] = aiohttp.FormData(form)
        try:
            await self._resolver.check(url)
            async with self._session.request(method, url, **arguments) as response:
                body = await _bounded(response)
                return Exchange(
                    method=method,
                    url=url,
                    status=response.status,
                    headers=tuple(response.headers.items()),
                    body=body,
                    seconds=self._clock() - started,
                )
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as exc:
            return Exchange(
                method=method,
                url=url,
                seconds=self._clock() - started,
                failure=_failure(exc),
                detail=_detail(exc),
            )


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    """Read up to the limit. An event stream may stay open: its first event is enough."""
    parts: list[bytes] = []
    size = 0
    streaming = response.content_type == "text/event-stream"
    async for chunk in response.content.iter_any():
        parts.append(chunk)
        size += len(chunk)
        if size >= MAX_BODY_BYTES or (streaming and b"\n\n" in b"".join(parts).replace(b"\r\n", b"\n")):
            break
    return b"".join(parts)[:MAX_BODY_BYTES]


def _with_hops(exchange: Exchange, url: str, hops: list[str]) -> Exchange:
    if not hops:
        return exchange
    return Exchange(
        method=exchange.method,
        url=url,
        status=exchange.status,
        headers=exchange.headers,
        body=exchange.body,
        seconds=exchange.seconds,
        failure=exchange.failure,
        detail=exchange.detail,
        hops=tuple(hops),
    )


# The first kind that fits names the failure: the narrow ones stand before the wide ones.
_FAILURES: Final[tuple[tuple[type[BaseException], Failure], ...]] = (
    (aiohttp.ClientConnectorDNSError, Failure.NAME),
    (ssl.SSLError, Failure.TLS),
    (aiohttp.ClientSSLError, Failure.TLS),
    (TimeoutError, Failure.TIMEOUT),
    (aiohttp.ClientConnectorError, Failure.REFUSED),
    (aiohttp.ClientError, Failure.BROKEN),
    (OSError, Failure.NAME),
)


def _failure(exc: BaseException) -> Failure:
    if isinstance(exc, NotPublic) or isinstance(exc.__cause__, NotPublic):
        return Failure.NOT_PUBLIC
    return next((failure for kind, failure in _FAILURES if isinstance(exc, kind)), Failure.BROKEN)


def _detail(exc: BaseException) -> str:
    return str(exc).split("\n", 1)[0][:200]
