"""A caller's trace goes on through the service, with an OpenTelemetry SDK and without one."""

import asyncio

import pytest
from aiohttp import web
from opentelemetry import trace
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry
from structlog.contextvars import get_contextvars

from shared.http.application import checked_application
from shared.http.connections import ConnectionMetrics, ConnectionTable
from shared.http.request_middleware import context_middleware
from tests.support.service_server import ServiceServer

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


@pytest.fixture
async def client(aiohttp_client, request):
    async def show(_request):
        return web.json_response(get_contextvars())

    async def fail(_request):
        return web.Response(status=503)

    if "spans" in request.fixturenames:
        request.getfixturevalue("spans")  # an SDK is there before the service is
    app = application()
    app.add_routes([web.get("/notes/{id}", show), web.get("/fail", fail)])
    return await aiohttp_client(app)


def application():
    return checked_application(
        middlewares=[context_middleware(())],
        client_max_size=1000,
        cors={},
        connections=ConnectionTable(metrics=ConnectionMetrics(CollectorRegistry())),
        is_https=True,
    )


@pytest.fixture
def spans(monkeypatch):
    """The spans that an SDK would export."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    yield exporter.get_finished_spans
    provider.shutdown()


async def shown(client, **headers):
    async with client.get("/notes/7", headers=headers) as response:
        return await response.json()


async def test_the_log_carries_the_callers_trace_without_any_sdk(client):
    assert await shown(client, traceparent=TRACEPARENT) == {"trace": TRACE}


async def test_a_trace_does_not_leak_into_the_next_request_of_a_connection(client):
    await shown(client, traceparent=TRACEPARENT)
    assert await shown(client) == {}


@pytest.mark.parametrize(
    "bad", ["", "nonsense", f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE}-{'0' * 16}-01", TRACEPARENT + "x" * 5]
)
async def test_a_malformed_traceparent_is_passed_over(client, bad):
    assert await shown(client, traceparent=bad) == {}


async def test_with_an_sdk_the_span_continues_the_callers_trace(client, spans):
    assert await shown(client, traceparent=TRACEPARENT) == {"trace": TRACE}
    (span,) = spans()
    assert span.name == "GET /notes/{id}"
    assert f"{span.context.trace_id:032x}" == TRACE
    assert f"{span.parent.span_id:016x}" == PARENT
    assert span.attributes["http.response.status_code"] == 200


async def test_an_sdk_that_is_set_up_after_the_service_was_built_does_not_hide_the_callers_trace(client, monkeypatch):
    provider = TracerProvider()
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    assert await shown(client, traceparent=TRACEPARENT) == {"trace": TRACE}
    provider.shutdown()


async def test_the_trace_of_a_span_is_logged_where_the_callers_is_not_continued(spans, client, monkeypatch):
    monkeypatch.setattr("opentelemetry.propagate._HTTP_TEXT_FORMAT", CompositePropagator([]))
    logged = await shown(client, traceparent=TRACEPARENT)
    (span,) = spans()
    assert logged == {"trace": f"{span.context.trace_id:032x}"}
    assert logged != {"trace": TRACE}


async def test_with_an_sdk_a_fault_is_an_error_of_its_span(client, spans):
    await client.get("/fail")
    (span,) = spans()
    assert not span.status.is_ok


async def test_a_span_does_not_wait_until_the_client_reads_its_answer(spans):
    async def show(_request):
        return web.Response(body=b"a" * 30_000_000)

    app = application()
    app.add_routes([web.get("/", show)])
    async with ServiceServer(app) as server:
        _reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1000)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        async with asyncio.timeout(5):
            while not spans():  # noqa: ASYNC110 - the exporter announces nothing
                await asyncio.sleep(0.01)
        writer.transport.abort()
