"""Connections to the server, and one request over one of them.

Every failure before the head of an answer becomes an error of errors.py. A request is repeated only if it changes
nothing and a connection that was reused has closed without a byte of an answer.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from mcp_service.guard.errors import GatewayTimeout
from mcp_service.issuer.keepalive import open_probed_socket
from mcp_service.servers.http_upstream.errors import broken, not_http, not_reached

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aiohttp.abc import AbstractResolver
    from multidict import CIMultiDict

    from mcp_service.servers.http_upstream.address import UpstreamAddress

KEEPALIVE_SECONDS: Final = 4.0
"""How long an unused connection is kept. Node and uvicorn close theirs after 5 s."""

DISTRUST_SECONDS: Final = 60.0
"""How long connections are not reused after the server has closed one that it had promised to keep."""

MAX_HEADERS: Final = 128
MAX_HEADER_BYTES: Final = 16_384
"""Limits of an answer: the number of header lines, and the bytes of one line."""

_READ_BUFFER_BYTES: Final = 65_536
"""At most twice as much of an answer waits in memory while the client does not read."""


@dataclass(slots=True)
class _Attempt:
    is_reused: bool = False


_ATTEMPT: Final[ContextVar[_Attempt]] = ContextVar("attempt")
"""The attempt of this task, for the connector: signals of aiohttp tell the same, and cost a twentieth of a request."""


class _Unanswered(Exception):
    """The connection has ended before a whole head of an answer."""

    def __init__(self, cause: Exception, *, is_partial: bool) -> None:
        super().__init__(f"{type(cause).__name__}")
        self.is_partial = is_partial


class UpstreamConnections:
    """Sends requests to one address. `start` and `close` surround its use."""

    def __init__(
        self,
        address: UpstreamAddress,
        *,
        connect_seconds: float,
        response_seconds: float,
        make_resolver: Callable[[], AbstractResolver],
        monotonic: Callable[[], float],
    ) -> None:
        """`response_seconds`: from the request to the head of the answer. `monotonic` never goes back."""
        self._address = address
        self._connect_seconds = connect_seconds
        self._response_seconds = response_seconds
        self._make_resolver = make_resolver
        self._monotonic = monotonic
        self._distrusted_until = float("-inf")
        self._kept: aiohttp.ClientSession | None = None
        self._single_use: aiohttp.ClientSession | None = None

    def start(self) -> None:
        """Open the pools. Needs a running loop."""
        self._kept, self._single_use = self._session(keeps=True), self._session(keeps=False)

    async def close(self) -> None:
        """Close every connection."""
        for session in (self._kept, self._single_use):
            if session is not None:
                await session.close()
        self._kept = self._single_use = None

    async def request(
        self, method: str, make_headers: Callable[[], CIMultiDict[str]], body: bytes, *, may_repeat: bool
    ) -> aiohttp.ClientResponse:
        """Send one request and wait for the head of its answer. Raises BadGateway or GatewayTimeout.

        `make_headers` is called for each time that it is sent: what tells the principal may be used once.
        """
        limit = asyncio.timeout(self._response_seconds)
        try:
            async with limit:
                return await self._request(method, make_headers, body, may_repeat=may_repeat)
        except aiohttp.ConnectionTimeoutError as exc:
            raise GatewayTimeout(
                f"no connection within {self._connect_seconds:g} s", error_id="upstream_connect_time"
            ) from exc
        except TimeoutError as exc:
            if not limit.expired():
                raise
            raise GatewayTimeout(
                f"no head of an answer within {self._response_seconds:g} s", error_id="upstream_response_time"
            ) from exc
        except _Unanswered as exc:
            raise broken(f"the connection ended before an answer: {exc}") from exc
        except aiohttp.ClientConnectorError as exc:
            raise not_reached(f"{type(exc).__name__}: {exc.os_error}"[:300]) from exc
        except aiohttp.ClientResponseError as exc:
            # Its text quotes what came.
            hint = "; does the server speak https?" if self._address.tls is None else ""
            raise not_http(
                f"the answer is not HTTP, or its head is too long: {type(exc.__cause__).__name__}{hint}"
            ) from exc
        except (aiohttp.ClientError, OSError) as exc:
            raise broken(f"{type(exc).__name__} before an answer") from exc

    async def _request(
        self, method: str, make_headers: Callable[[], CIMultiDict[str]], body: bytes, *, may_repeat: bool
    ) -> aiohttp.ClientResponse:
        is_distrusted = self._monotonic() < self._distrusted_until
        first = _Attempt()
        try:
            session = self._single_use if is_distrusted else self._kept
            return await self._send(session, method, make_headers(), body, first)
        except _Unanswered as exc:
            if not first.is_reused or exc.is_partial:
                raise
            self._distrusted_until = self._monotonic() + DISTRUST_SECONDS
            if not may_repeat:
                raise
        return await self._send(self._single_use, method, make_headers(), body, _Attempt())

    async def _send(
        self,
        session: aiohttp.ClientSession | None,
        method: str,
        headers: CIMultiDict[str],
        body: bytes,
        attempt: _Attempt,
    ) -> aiohttp.ClientResponse:
        if session is None:
            raise RuntimeError("the connections are not open")
        _ATTEMPT.set(attempt)
        with _unanswered():
            return await session.request(
                method,
                self._address.url,
                headers=headers,
                data=body or None,
                allow_redirects=False,
                # aiohttp repeats no POST by itself; a middleware for none of them spares its time.
                middlewares=() if method == "POST" else (_without_retry,),
            )

    def _session(self, *, keeps: bool) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=self._connector(keeps=keeps),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, connect=self._connect_seconds),
            auto_decompress=False,
            trust_env=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            read_bufsize=_READ_BUFFER_BYTES,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            max_headers=MAX_HEADERS,
        )

    def _connector(self, *, keeps: bool) -> aiohttp.BaseConnector:
        # Requests in progress have a bound of their own, so that a request never waits for a connection of another.
        options: dict[str, Any] = {"limit": 0, "force_close": not keeps}
        if keeps:
            options["keepalive_timeout"] = KEEPALIVE_SECONDS
        if self._address.socket is not None:
            return _UnixConnector(self._address.socket, **options)
        return _TCPConnector(
            resolver=self._make_resolver(),
            ssl=self._address.tls or True,
            socket_factory=open_probed_socket,
            **options,
        )


@contextmanager
def until_done_with(answer: aiohttp.ClientResponse) -> Iterator[None]:
    """Close the connection of an answer that is not whole at the end; a whole one has given its connection back.

    A connection that is lost ends the answer. By itself aiohttp 3.14 lets a reader wait for ever after a chunk that is
    malformed.
    """
    connection = answer.connection
    lost = None if connection is None or connection.protocol is None else connection.protocol.closed

    def end(_lost: asyncio.Future[None]) -> None:
        if not answer.content.is_eof() and answer.content.exception() is None:
            answer.content.set_exception(aiohttp.ClientPayloadError("the connection is lost"))

    if lost is not None:
        lost.add_done_callback(end)
    try:
        yield
    finally:
        if lost is not None:
            lost.remove_done_callback(end)
        answer.close()


class _OnlyClean(aiohttp.BaseConnector):
    """Closes a connection on which something came that no request had asked for.

    aiohttp looks at that when a connection is put back, not when it is taken: bytes that came in between would be the
    answer to the next request.
    """

    async def _get(self, key: Any, traces: Any) -> Any:
        while (connection := await super()._get(key, traces)) is not None:
            if connection.protocol is None or not connection.protocol.should_close:
                _ATTEMPT.get().is_reused = True
                return connection
            connection.close()
        return None


class _TCPConnector(_OnlyClean, aiohttp.TCPConnector):
    pass


class _UnixConnector(_OnlyClean, aiohttp.UnixConnector):
    pass


async def _without_retry(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """A middleware that prevents retries: aiohttp would repeat GET and DELETE, also on a new connection."""
    with _unanswered():
        return await handler(request)


@contextmanager
def _unanswered() -> Iterator[None]:
    try:
        yield
    except aiohttp.ClientConnectorError:
        raise
    except aiohttp.ServerDisconnectedError as exc:
        raise _Unanswered(exc, is_partial=not isinstance(exc.message, str)) from exc
    except aiohttp.ClientOSError as exc:
        raise _Unanswered(exc, is_partial=False) from exc
