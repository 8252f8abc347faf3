"""Tracing: propagates a caller's `traceparent` (W3C Trace Context) and adds its trace id to every log line.

Spans are created only if an OpenTelemetry SDK is set up, as `opentelemetry-instrument` does; without one the cost is
one header look-up. The SDK and its exporters are not dependencies of the services.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from aiohttp import web
from multidict import istr
from opentelemetry import trace
from opentelemetry.trace import ProxyTracerProvider, SpanKind, StatusCode
from structlog.contextvars import bound_contextvars, get_contextvars

if TYPE_CHECKING:
    from aiohttp.typedefs import Middleware
    from opentelemetry.context import Context

TRACEPARENT: Final = istr("traceparent")

_FORM: Final = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def spans_are_created() -> bool:
    """Whether an OpenTelemetry SDK is set up. That happens before the services are loaded."""
    return not isinstance(trace.get_tracer_provider(), ProxyTracerProvider)


def span_middlewares() -> list[Middleware]:
    """The middleware that makes a span of each request, if spans are created.

    Place it inside the writing of an answer, which a client can draw out.
    """
    if not spans_are_created():
        return []
    from opentelemetry.propagate import extract  # loads the configured propagators

    @web.middleware
    async def in_span(request: web.Request, handler: _Handler) -> web.StreamResponse:
        return await _in_span(extract(request.headers), request, handler)

    return [in_span]


async def with_trace_id(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Handle a request that has a `traceparent`. Its trace id, unless malformed, is in the log lines written meanwhile.

    That of a span is bound already.
    """
    trace_id = _FORM.fullmatch(request.headers[TRACEPARENT])
    if trace_id is None or "trace" in get_contextvars():
        return await handler(request)
    with bound_contextvars(trace=trace_id[1]):
        return await handler(request)


async def _in_span(context: Context, request: web.Request, handler: _Handler) -> web.StreamResponse:
    route = request.match_info.route.resource
    name = route.canonical if route is not None else "unmatched"
    with trace.get_tracer("sallyport").start_as_current_span(
        f"{request.method} {name}",
        context=context,
        kind=SpanKind.SERVER,
        attributes={"http.request.method": request.method, "http.route": name},
    ) as span:
        with bound_contextvars(trace=f"{span.get_span_context().trace_id:032x}"):
            response = await handler(request)
        span.set_attribute("http.response.status_code", response.status)
        if response.status >= 500:
            span.set_status(StatusCode.ERROR)
        return response
