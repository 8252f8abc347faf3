"""Tracing: propagates a caller's `traceparent` (W3C Trace Context) and adds its trace id to every log line.

Spans are created only if an OpenTelemetry SDK is set up, as `opentelemetry-instrument` does; without one the cost is
one header look-up. The SDK and its exporters are not dependencies of the services.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from aiohttp import web
from opentelemetry import propagate, trace
from opentelemetry.trace import ProxyTracerProvider, SpanKind, StatusCode, TracerProvider
from structlog.contextvars import bound_contextvars

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp.typedefs import Middleware

_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")


def spans_are_created() -> bool:
    """Whether an OpenTelemetry SDK is set up. That happens before the services are loaded, so one look is enough."""
    return not isinstance(trace.get_tracer_provider(), ProxyTracerProvider)


def tracing() -> Middleware:
    """Make the middleware. Place it around all but the writing of an answer: the log line carries the trace id too."""
    if not spans_are_created():
        return _with_trace_id
    provider = trace.get_tracer_provider()

    @web.middleware
    async def with_span(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        return await _in_span(provider, request, handler)

    return with_span


@web.middleware
async def _with_trace_id(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    given = request.headers.get("traceparent")
    trace_id = _TRACEPARENT.fullmatch(given) if given else None
    if trace_id is None:
        return await handler(request)
    with bound_contextvars(trace=trace_id[1]):
        return await handler(request)


async def _in_span(
    provider: TracerProvider,
    request: web.Request,
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> web.StreamResponse:
    route = request.match_info.route.resource
    name = route.canonical if route is not None else "unmatched"
    with provider.get_tracer("sallyport").start_as_current_span(
        f"{request.method} {name}",
        context=propagate.extract(request.headers),
        kind=SpanKind.SERVER,
        attributes={"http.request.method": request.method, "http.route": name},
    ) as span:
        with bound_contextvars(trace=f"{span.get_span_context().trace_id:032x}"):
            response = await handler(request)
        span.set_attribute("http.response.status_code", response.status)
        if response.status >= 500:
            span.set_status(StatusCode.ERROR)
        return response
