"""The middlewares around every request: client address, ids, translation of errors, log, metrics, writing.

The single place where an exception becomes a response (invariants 8 and 9). Each service passes a `render` function
for the form of its error responses; nothing else builds one.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Sequence
from email.utils import formatdate
from functools import lru_cache
from logging import DEBUG, ERROR, INFO
from typing import TYPE_CHECKING, Any, Final

from aiohttp import HttpVersion11, web
from multidict import istr

from shared.errors import RequestRejected, ServiceUnavailable
from shared.http.aiohttp_errors import as_rejected, from_http_exception
from shared.http.client_address import CLIENT_ADDRESS, CURRENT_ADDRESS, PEER_IS_PROXY, client_address, is_trusted_peer
from shared.http.health import PROBED_PATHS
from shared.http.tracing import TRACEPARENT, with_trace_id
from shared.loop_metrics import LoopCounter, LoopHistogram

if TYPE_CHECKING:
    import structlog
    from aiohttp.typedefs import Middleware
    from prometheus_client import CollectorRegistry

    from shared.ip_addresses import IPNetwork

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Render = Callable[[web.Request, RequestRejected, str], web.StreamResponse]
OnError = Callable[[web.Request, RequestRejected, str], None]

REQUEST_ID: Final = web.RequestKey("request_id", str)
"""The id of this request: in the response, in the log line."""

LOG_FIELDS: Final = web.RequestKey("log_fields", dict[str, Any])
"""Handlers add fields for the request's one log line; never a secret."""

REQUEST_ID_HEADER: Final = "X-Request-Id"

_ACCEPTED_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_-]{8,64}")
"""The form of an id that a proxy may set. No other character can reach the log or a page."""

_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz123456789"
"""32 characters that cannot be confused: no i, l, o or zero."""

_TO_ALPHABET: Final = bytes(ord(_ALPHABET[byte & 31]) for byte in range(256))

_CONTENT_LENGTH: Final = istr("Content-Length")
_CONTENT_TYPE: Final = istr("Content-Type")
_DATE: Final = istr("Date")
_UPGRADE: Final = istr("Upgrade")
_WITHOUT_BODY: Final = frozenset({*range(100, 200), 204, 304})

_BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"})


def new_request_id() -> str:
    """Ten characters that a user can read out: 50 bits, enough to identify one log line."""
    return os.urandom(10).translate(_TO_ALPHABET).decode("ascii")


def client_address_setter(trusted: Sequence[IPNetwork]) -> Callable[[web.BaseRequest], str]:
    """Make the function that sets `request[CLIENT_ADDRESS]`, which it returns, and `request[PEER_IS_PROXY]`."""

    @lru_cache(4096)
    def peer_without_header(peer: str | None) -> tuple[str, bool]:
        return client_address(peer, (), trusted), is_trusted_peer(peer, trusted)

    def set_client_address(request: web.BaseRequest) -> str:
        peername = request.transport.get_extra_info("peername") if request.transport is not None else None
        peer = peername[0] if isinstance(peername, tuple) else None
        address, is_proxy = peer_without_header(peer)
        forwarded_for = request.headers.getall("X-Forwarded-For", ())
        if forwarded_for:
            address = client_address(peer, forwarded_for, trusted)
        request[CLIENT_ADDRESS] = address
        if is_proxy:
            request[PEER_IS_PROXY] = True
        return address

    return set_client_address


def context_middleware(trusted: Sequence[IPNetwork]) -> Middleware:
    """Set the client's address and the caller's trace id for all that follows, the request middleware included."""
    set_client_address = client_address_setter(trusted)

    @web.middleware
    async def surround(request: web.Request, handler: Handler) -> web.StreamResponse:
        CURRENT_ADDRESS.set(set_client_address(request))
        return await (with_trace_id(request, handler) if TRACEPARENT in request.headers else handler(request))

    return surround


def request_id_of(request: web.BaseRequest) -> str:
    """The id that a trusted proxy gave the request, or a new one. `request[PEER_IS_PROXY]` must be set already."""
    given = request.headers.get(REQUEST_ID_HEADER)
    if given is None or PEER_IS_PROXY not in request or not _ACCEPTED_REQUEST_ID.fullmatch(given):
        return new_request_id()
    return given


@lru_cache(maxsize=2)
def http_date(second: int) -> str:
    """A time since the epoch as the `Date` of an answer (RFC 9110 section 5.6.7)."""
    return formatdate(second, usegmt=True)


class _Sent(web.StreamResponse):
    """Stands for an answer that is on its way already: aiohttp has nothing left to prepare or to write."""

    def __init__(self, status: int, *, keeps_alive: bool) -> None:
        super().__init__(status=status)
        self._keeps_alive = keeps_alive

    async def prepare(self, request: web.BaseRequest) -> None:
        del request

    async def write_eof(self, data: bytes = b"") -> None:
        del data

    @property
    def keep_alive(self) -> bool:
        return self._keeps_alive


@lru_cache(maxsize=256)
def sent(status: int, *, keeps_alive: bool = True) -> web.StreamResponse:
    """An answer with this status that has been written. `keeps_alive`: the connection stays open."""
    return _Sent(status, keeps_alive=keeps_alive)


@web.middleware
async def write_whole_answers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Write a whole answer in one step. Place it outside all that changes or measures an answer.

    aiohttp takes several: for streams, empty bodies, compression, cookies, HEAD, upgrades, other versions of HTTP and
    connections that end. Such answers are left to it, and it is the reference for the rest
    (tests/shared/http/test_whole_answers.py). A header with a control character is answered with 503.
    """
    response = await handler(request)
    body = response.body if type(response) is web.Response else None
    headers = response.headers
    if (
        type(body) is not bytes
        or not body
        or request.version != HttpVersion11
        or not request.keep_alive
        or request.method in {"HEAD", "CONNECT"}
        or _UPGRADE in request.headers
        or response.keep_alive is not None
        or response.status in _WITHOUT_BODY
        or response.chunked
        or response.compression
        or response.cookies
        or _CONTENT_LENGTH in headers
    ):
        return response
    headers[_CONTENT_LENGTH] = str(len(body))
    headers.setdefault(_CONTENT_TYPE, "application/octet-stream")
    if _DATE not in headers:
        headers[_DATE] = http_date(int(time.time()))
    for app in request.match_info.apps:
        await app.on_response_prepare.send(request, response)
    try:
        await request.writer.write_headers(f"HTTP/1.1 {response.status} {response.reason}", headers)
        await request.writer.write_eof(body)
    except ConnectionError:  # the client is gone: no request that came with this one is handled
        return sent(response.status, keeps_alive=False)
    return sent(response.status, keeps_alive=response.keep_alive is None)


class RequestMetrics:
    """Counts and times requests by method, route template and status; the label values are a closed set."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._counts = LoopCounter(
            "sallyport_http_requests", "Requests answered.", ("method", "route", "status"), registry=registry
        ).counts
        self._buckets = LoopHistogram(
            "sallyport_http_request_duration_seconds",
            "Time from request to answer.",
            "route",
            bounds=_BOUNDS,
            registry=registry,
        ).buckets

    def observe(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Record one answered request. `status` 0 means that the client disconnected."""
        self._counts[method if method in _METHODS else "other", route, str(status)] += 1
        buckets = self._buckets[route]
        buckets.counts[bisect_left(_BOUNDS, seconds)] += 1
        buckets.sum += seconds


def request_middleware(
    *,
    render: Render,
    log: structlog.typing.FilteringBoundLogger,
    metrics: RequestMetrics,
    on_error: OnError | None = None,
) -> Middleware:
    """Make the middleware. `on_error` is called with each error after it is rendered.

    A well-formed `X-Request-Id` is used if the peer is a trusted proxy (client_address.py); any other request gets an
    id of its own.
    """

    @web.middleware
    async def surround(request: web.Request, handler: Handler) -> web.StreamResponse:
        started = time.perf_counter()
        request_id = request_id_of(request)
        fields: dict[str, Any] = {}
        request[REQUEST_ID] = request_id
        request[LOG_FIELDS] = fields
        error: RequestRejected | None = None
        status = 0
        try:
            try:
                response = await handler(request)
            except web.HTTPException as exc:
                if exc.status < 400:
                    raise
                error = from_http_exception(exc)
                response = render(request, error, request_id)
            except (RequestRejected, web.RequestPayloadError) as exc:
                error = as_rejected(exc)
                response = render(request, error, request_id)
            except (asyncio.CancelledError, ConnectionResetError):
                fields["disconnected"] = True
                raise
            except Exception as exc:
                log.exception("unexpected", request_id=request_id, path=request.path)
                error = ServiceUnavailable(f"unexpected {type(exc).__name__}", error_id="unexpected")
                response = render(request, error, request_id)
            status = response.status
            if not response.prepared:
                response.headers[REQUEST_ID_HEADER] = request_id
            return response
        except web.HTTPException as exc:
            status = exc.status
            exc.headers[REQUEST_ID_HEADER] = request_id
            raise
        finally:
            elapsed = time.perf_counter() - started
            route = _route_of(request)
            metrics.observe(method=request.method, route=route, status=status, seconds=elapsed)
            if error is not None:
                fields["error_id"] = error.error_id
                fields["reason"] = error.reason
                fields["error"] = error.code
                if on_error is not None:
                    on_error(request, error, request_id)
            is_good_probe = route in PROBED_PATHS and status == 200
            level = ERROR if isinstance(error, ServiceUnavailable) else DEBUG if is_good_probe else INFO
            bound = log.bind()  # what get_logger returns looks the logger up at every access
            if bound.is_enabled_for(level):
                bound.log(
                    level,
                    "request",
                    request_id=request_id,
                    method=request.method,
                    route=route,
                    status=status,
                    ms=round(elapsed * 1000, 2),
                    **fields,
                )

    return surround


def _route_of(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unmatched"
