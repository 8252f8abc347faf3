"""The application of either service: what every request is checked for before its handler, and cross-origin access.

The checks are about framing, the coding and type of the body, and the host. A body is refused by its headers, before a
byte of it is decoded and before `100 Continue` asks for it.

Cross-origin access (interop.md R9) is for browser clients: preflights are answered without authentication. Credentials
are never allowed, so `*` is safe: a page gains nothing that it could not fetch from its own server.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from aiohttp import HttpVersion11, web

from shared.configured_url import is_loopback_host
from shared.errors import RequestRejected
from shared.http.client_address import CLIENT_ADDRESS
from shared.http.connections import CONNECTIONS
from shared.http.health import DRAINING, PROBED_PATHS
from shared.http.media_type import parse_media_type
from shared.http.refusal_delay import RefusalDelay
from shared.http.request_middleware import write_whole_answers
from shared.http.server import EXPECTATION, LONGEST_BODY, PROTOCOL_ERROR
from shared.http.tracing import span_middlewares

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from aiohttp.typedefs import Handler, Middleware

    from shared.http.connections import ConnectionTable

REQUEST_HEADERS: Final = (
    "authorization, content-type, accept, mcp-protocol-version, mcp-method, mcp-name, "
    "mcp-session-id, last-event-id, traceparent, tracestate, baggage, sentry-trace, dpop"
)
_PARAMETER_HEADER: Final = re.compile(r"mcp-param-[a-z0-9!#$%&'*+.^_`|~-]{1,64}")
"""Only a header name (RFC 9110 section 5.1) is echoed."""

EXPOSED_HEADERS: Final = "WWW-Authenticate, Mcp-Session-Id, Retry-After, X-Request-Id"


@dataclass(frozen=True, slots=True)
class Cors:
    """The policy of one endpoint for pages of other origins."""

    methods: str
    allowed_headers: str = REQUEST_HEADERS
    max_age_seconds: int = 600

    def apply(self, response: web.StreamResponse) -> None:
        """Add the headers of the response to an actual request, not to a preflight."""
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS

    def preflight(self, request: web.Request) -> web.Response:
        """Answer an OPTIONS request. `mcp-param-*` headers are echoed: their names cannot be listed beforehand."""
        requested = request.headers.get("Access-Control-Request-Headers", "")
        extra = [name for h in requested.lower().split(",") if _PARAMETER_HEADER.fullmatch(name := h.strip())][:32]
        return web.Response(
            status=204,
            headers={
                "Access-Control-Allow-Origin": "*",
                "Access-Control-Allow-Methods": self.methods,
                "Access-Control-Allow-Headers": ", ".join([self.allowed_headers, *extra]),
                "Access-Control-Max-Age": str(self.max_age_seconds),
            },
        )


def add_cors(app: web.Application, policies: Mapping[str, Cors]) -> None:
    """Apply policies by path, to every response: errors and streams carry the headers too.

    A path that ends in `/*` stands for every path with one more segment.

    Preflights are answered by the innermost middleware, so that they are limited, logged and counted like any request.
    """

    def policy_of(path: str) -> Cors | None:
        return _policy_of(policies, path)

    @web.middleware
    async def preflights(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            policy = policy_of(request.path)
            if policy is not None:
                return policy.preflight(request)
        return await handler(request)

    async def prepare(request: web.Request, response: web.StreamResponse) -> None:
        policy = policy_of(request.path)
        if policy is not None:
            policy.apply(response)

    app.middlewares.append(preflights)
    app.on_response_prepare.append(prepare)


def fixed_headers(policies: Mapping[str, Cors], *, is_https: bool) -> Callable[[str], Mapping[str, str]]:
    """Make the function that tells what `on_response_prepare` adds to every answer of a path."""

    def headers_of(path: str) -> Mapping[str, str]:
        response = web.Response()
        policy = _policy_of(policies, path)
        if policy is not None:
            policy.apply(response)
        return {**response.headers, **({"Strict-Transport-Security": HSTS} if is_https else {})}

    return headers_of


def _policy_of(policies: Mapping[str, Cors], path: str) -> Cors | None:
    return policies.get(path) or policies.get(f"{path[: path.rfind('/') + 1]}*")


HSTS: Final = "max-age=63072000"
"""Two years (RFC 6797), without subdomains: they may belong to other services."""

_MAX_NAME: Final = 64
"""Characters. No longer name or `Host` is looked up in the cache."""

_Signal = Callable[[web.Request, web.StreamResponse], Awaitable[None]]

_CHARSETS: Final = frozenset({None, "utf-8", "utf8", "us-ascii"})


def checked_application(
    *,
    middlewares: Sequence[Middleware],
    client_max_size: int,
    cors: Mapping[str, Cors],
    connections: ConnectionTable,
    is_https: bool,
    public_documents: tuple[str, ...] = (),
) -> web.Application:
    """Make an application whose requests pass the given middlewares, then the checks, then the preflights.

    `is_https`: the public URL is https. Otherwise it is on a loopback host (shared/configured_url.py).
    `public_documents`: paths which, with all below them, are read by other services, as those at /.well-known/ are.
    """
    checks = request_checks(is_local=not is_https, public_documents=public_documents)
    outermost = [write_whole_answers, *span_middlewares()]
    app = web.Application(client_max_size=client_max_size, middlewares=[*outermost, *middlewares, checks])
    add_cors(app, cors)
    app[DRAINING], app[CONNECTIONS], app[LONGEST_BODY] = asyncio.Event(), connections, client_max_size
    app.on_response_prepare.append(answer_headers(is_https=is_https, draining=app[DRAINING]))
    return app


def request_checks(*, is_local: bool, public_documents: tuple[str, ...]) -> Middleware:
    """Make the middleware; it stands inside the one that renders refusals.

    `is_local`: the service is meant for this machine only, and answers to no other name in `Host`, but for
    `public_documents`.
    """
    below = tuple(f"{path}/" for path in public_documents)

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        # The name is aiohttp's for the method of what it cannot read; a client may send it as well.
        if request.method == "UNKNOWN" and PROTOCOL_ERROR in request:
            raise request[PROTOCOL_ERROR]
        if is_local and not (request.path in public_documents or request.path.startswith(below)):
            _check_host(request)
        _check_codings(request)
        _check_content_type(request)
        if EXPECTATION in request:
            await _continue(request)
        return await handler(request)

    return check


def rate_limits(
    check: Callable[[str], None], *, counting_paths: Collection[str], counted: tuple[type[RequestRejected], ...]
) -> Middleware:
    """Make the middleware that counts requests by the client's address with `check`, and delays refusals (429).

    Handlers of `counting_paths` count by themselves, once they know the user. There it counts preflights, and requests
    that are refused before such a handler has counted them: with any error that is none of `counted`.
    """
    delay = RefusalDelay()

    @web.middleware
    async def limit(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in PROBED_PATHS:
            return await handler(request)
        counts_itself = request.path in counting_paths and request.method != "OPTIONS"
        try:
            if not counts_itself:
                check(request[CLIENT_ADDRESS])
            try:
                return await handler(request)
            except RequestRejected as error:
                if counts_itself and not isinstance(error, counted):
                    check(request[CLIENT_ADDRESS])
                raise
        except RequestRejected as error:
            if error.status == 429:
                await delay.wait(request[CLIENT_ADDRESS])
            raise

    return limit


def answer_headers(*, is_https: bool, draining: asyncio.Event) -> _Signal:
    """Make the signal: no `Server`, HSTS where https is in use, and in a drain the end of the connection."""

    async def prepare(_request: web.Request, response: web.StreamResponse) -> None:
        response.headers.popall("Server", None)
        if is_https:
            response.headers["Strict-Transport-Security"] = HSTS
        if draining.is_set():
            response.force_close()
            response.headers["Connection"] = "close"

    return prepare


def _check_host(request: web.Request) -> None:
    """Check `Host` against DNS rebinding: a page whose name now leads to this machine sends that name.

    The port is left out of it: a page of another port of this machine sends the right one, so it protects nothing.
    Probes and public documents are fetched by other names, as by that of a container, and tell a page nothing.
    """
    if request.path in PROBED_PATHS or "/.well-known/" in request.path:
        return
    host = request.headers.get("Host", "").lower()
    if not (_is_of_this_machine(host) if len(host) <= _MAX_NAME else _find_is_of_this_machine(host)):
        raise RequestRejected(
            f"the host is {host!r:.60}",
            error_id="host",
            status=421,
            public="This service answers to names of its own machine only.",
        )


def _find_is_of_this_machine(host: str) -> bool:
    """Whether a `Host` in lower case has a loopback name."""
    name, _, port = host.rpartition(":") if not host.endswith("]") and ":" in host else (host, "", "")
    return len(name) <= _MAX_NAME and is_loopback_host(name.strip("[]")) and (port.isdecimal() or not port)


_is_of_this_machine = lru_cache(64)(_find_is_of_this_machine)


def _check_codings(request: web.Request) -> None:
    headers = request.headers
    codings = headers.getall("Content-Encoding", ())
    if codings and any(coding.strip().lower() not in {"", "identity"} for coding in ",".join(codings).split(",")):
        raise RequestRejected(
            "the body has a content coding",
            error_id="content_encoding",
            status=415,
            public="Compressed requests are not accepted.",
            headers={"Accept-Encoding": "identity"},
        )
    if headers.get("Transfer-Encoding", "chunked").lower() != "chunked":
        raise RequestRejected("a transfer coding other than chunked", error_id="transfer_encoding")


def _check_content_type(request: web.Request) -> None:
    """Refuse a malformed Content-Type, and a charset other than UTF-8, at every address (RFC 9110 section 8.3)."""
    stated = request.headers.get("Content-Type")
    if not stated:
        return
    try:
        charset = parse_media_type(stated).charset
    except ValueError as exc:
        raise RequestRejected(
            f"{exc}", error_id="content_type", status=415, public="The Content-Type header is malformed."
        ) from exc
    if charset not in _CHARSETS:
        raise RequestRejected(
            f"the character set is {charset!r:.40}",
            error_id="charset",
            status=415,
            public="The request must be encoded in UTF-8.",
        )


async def _continue(request: web.Request) -> None:
    """Ask for the body (RFC 9110 section 10.1.1), or refuse what else is expected."""
    if request[EXPECTATION].lower() != "100-continue":
        raise RequestRejected(
            "an expectation other than 100-continue",
            error_id="expect",
            status=417,
            public="The only expectation that is met is 100-continue.",
        )
    if request.version >= HttpVersion11 and not request.content.is_eof():
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
