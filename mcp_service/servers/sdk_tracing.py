"""Runs the tracing of the mcp SDK only where it has an effect.

The SDK makes a span for each message. Without an OpenTelemetry SDK (shared/http/tracing.py), and for a message that
brings no trace context, that span records nothing and passes nothing on, and making it takes a sixth of a call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.trace import ProxyTracerProvider

if TYPE_CHECKING:
    from mcp.server.context import CallNext, HandlerResult, ServerMiddleware, ServerRequestContext

_PROTOCOL_PREFIX: Final = "io.modelcontextprotocol/"
_PROGRESS_TOKEN: Final = "progressToken"


def trace_where_needed(middleware: list[ServerMiddleware[Any]]) -> None:
    """Change the list of a server: its tracing, if it has that of the SDK, is passed by where it has no effect."""
    middleware[:] = [_where_needed(each) if _is_tracing(each) else each for each in middleware]


def _is_tracing(middleware: ServerMiddleware[Any]) -> bool:
    kind = type(middleware)
    return kind.__name__ == "OpenTelemetryMiddleware" and kind.__module__.partition(".")[0] == "mcp"


def _where_needed(tracing: ServerMiddleware[Any]) -> ServerMiddleware[Any]:
    async def trace_message(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        # Asked each time: the operator's server may set a provider up whenever it wants.
        if isinstance(trace.get_tracer_provider(), ProxyTracerProvider) and not _may_have_trace_context(ctx):
            return await call_next(ctx)
        return await tracing(ctx, call_next)

    return trace_message


def _may_have_trace_context(ctx: ServerRequestContext[Any, Any]) -> bool:
    """Whether `_meta` has a member that is not the protocol's own: which ones carry a context is configurable."""
    meta = ctx.params.get("_meta") if ctx.params else None
    return bool(meta) and (
        not isinstance(meta, dict) or not all(n.startswith(_PROTOCOL_PREFIX) or n == _PROGRESS_TOKEN for n in meta)
    )
