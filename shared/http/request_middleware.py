"""What surrounds every request: a request_id, the translation of refusals, one log line, one metric.

The single place where an exception becomes a response (invariants 8 and 9). Each service says how a refusal
looks on its wire by passing a `render` function; nothing else builds an error response.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from shared.errors import RequestRejected, ServiceUnavailable

if TYPE_CHECKING:
    import structlog
    from aiohttp.typedefs import Middleware

    from shared.http.metrics import RequestMetrics

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Render = Callable[[web.Request, RequestRejected, str], web.StreamResponse]
OnRefusal = Callable[[web.Request, RequestRejected, str], None]

REQUEST_ID: Final = web.RequestKey("request_id", str)
"""The id of this request: shown to the caller with a refusal, written in the log line."""

LOG_FIELDS: Final = web.RequestKey("log_fields", dict[str, Any])
"""Handlers add what is worth knowing (never a secret); it is logged once, with the request."""

REQUEST_ID_HEADER: Final = "X-Request-Id"

_ROUTINE: Final = frozenset({"/livez", "/readyz", "/metrics"})
"""Asked every few seconds by machines: worth a line only when the answer is bad."""

_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz123456789"
"""32 characters, none of which looks like another: there is no i, l, o or zero."""

_TO_ALPHABET: Final = bytes(ord(_ALPHABET[byte & 31]) for byte in range(256))


def new_request_id() -> str:
    """Ten characters that a person can read out: 50 bits, unique enough to find one log line."""
    return os.urandom(10).translate(_TO_ALPHABET).decode("ascii")


def request_middleware(
    *,
    render: Render,
    log: structlog.typing.FilteringBoundLogger,
    metrics: RequestMetrics,
    on_refusal: OnRefusal | None = None,
) -> Middleware:
    """Make the outermost middleware. `on_refusal` is told of each refusal after it is rendered."""

    @web.middleware
    async def surround(request: web.Request, handler: Handler) -> web.StreamResponse:
        started = time.perf_counter()
        request_id = new_request_id()
        fields: dict[str, Any] = {}
        request[REQUEST_ID] = request_id
        request[LOG_FIELDS] = fields
        refusal: RequestRejected | None = None
        status = 0
        try:
            try:
                response = await handler(request)
            except web.HTTPException as exc:
                if exc.status < 400:
                    raise
                refusal = _from_http_exception(exc)
                response = render(request, refusal, request_id)
            except (RequestRejected, web.RequestPayloadError) as exc:
                refusal = _as_refusal(exc)
                response = render(request, refusal, request_id)
            except asyncio.CancelledError:
                fields["disconnected"] = True
                raise
            except ConnectionResetError:
                fields["disconnected"] = True
                raise
            except Exception as exc:
                log.exception("unexpected", request_id=request_id, path=request.path)
                refusal = ServiceUnavailable(f"unexpected {type(exc).__name__}", error_id="unexpected")
                response = render(request, refusal, request_id)
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
            if refusal is not None:
                fields["error_id"] = refusal.error_id
                fields["reason"] = refusal.reason
                fields["error"] = refusal.code
                if on_refusal is not None:
                    on_refusal(request, refusal, request_id)
            routine = route in _ROUTINE and status == 200
            write = log.error if isinstance(refusal, ServiceUnavailable) else log.debug if routine else log.info
            write(
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


_HTTP_CODES: Final = {
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not answer that method."),
    413: ("invalid_request", "The request body is too large."),
    415: ("invalid_request", "The content type is not supported."),
}


def _as_refusal(exc: RequestRejected | web.RequestPayloadError) -> RequestRejected:
    """A body that broke off, or is not encoded as it says, is the caller's doing, wherever it is read."""
    return (
        exc
        if isinstance(exc, RequestRejected)
        else RequestRejected(f"the body cannot be read: {exc}"[:200], error_id="body_readable")
    )


def _from_http_exception(exc: web.HTTPException) -> RequestRejected:
    code, public = _HTTP_CODES.get(exc.status, ("invalid_request", "The request is malformed."))
    kept = {name: exc.headers[name] for name in ("Allow", "Retry-After") if name in exc.headers}
    return RequestRejected(
        exc.reason, error_id=f"http_{exc.status}", public=public, status=exc.status, code=code, headers=kept
    )
