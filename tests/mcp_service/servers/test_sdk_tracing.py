"""The tracing of the SDK is passed by only where it would have no effect."""

from types import SimpleNamespace
from typing import Any

import pytest
from mcp.server import MCPServer
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from mcp_service.servers.in_process import trace_where_needed

OWN = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "progressToken": 1}


class OpenTelemetryMiddleware:
    """Stands for that of the SDK, and counts."""

    def __init__(self):
        self.called = 0

    async def __call__(self, ctx, call_next):
        self.called += 1
        return await call_next(ctx)


OpenTelemetryMiddleware.__module__ = "mcp.server.somewhere"


async def traced(params):
    """Whether the tracing is called for a message with these params."""
    tracing = OpenTelemetryMiddleware()
    middleware: list[Any] = [tracing]
    trace_where_needed(middleware)

    async def handler(_ctx):
        return {"result": 1}

    assert await middleware[0](SimpleNamespace(params=params), handler) == {"result": 1}
    return bool(tracing.called)


def test_the_sdk_has_the_tracing_that_is_looked_for():
    server = MCPServer("a server")
    names = [type(each).__name__ for each in server.middleware]
    assert "OpenTelemetryMiddleware" in names
    trace_where_needed(server.middleware)
    assert [type(each).__name__ for each in server.middleware].count("OpenTelemetryMiddleware") == 0
    assert len(server.middleware) == len(names)


@pytest.mark.parametrize("params", [None, {}, {"_meta": None}, {"_meta": {}}, {"_meta": OWN}])
async def test_a_message_without_a_trace_context_is_not_traced_without_an_sdk(params):
    assert not await traced(params)


@pytest.mark.parametrize("meta", [{"traceparent": "00-1"}, {**OWN, "b3": "1"}, {"baggage": "a=1"}, "no object"])
async def test_a_message_that_may_bring_a_trace_context_is_traced(meta):
    assert await traced({"_meta": meta})


async def test_every_message_is_traced_where_an_sdk_is_set_up(monkeypatch):
    monkeypatch.setattr(trace, "get_tracer_provider", TracerProvider)
    assert await traced({})


def test_middleware_of_the_operator_is_left_as_it_is():
    class OpenTelemetryMiddleware:
        """Of another module."""

    own = OpenTelemetryMiddleware()
    middleware: list[Any] = [own]
    trace_where_needed(middleware)
    assert middleware == [own]
