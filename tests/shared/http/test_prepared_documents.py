"""Documents that are answered before the application: nothing but the time must tell the difference."""

import asyncio

import pytest
import structlog
from aiohttp import web
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from shared.errors import RequestRejected
from shared.http import refusal_delay
from shared.http import server as http_server
from shared.http.application import Cors, checked_application, fixed_headers, rate_limits
from shared.http.client_address import CLIENT_ADDRESS
from shared.http.connections import ConnectionMetrics, ConnectionTable
from shared.http.health import DRAINING
from shared.http.prepared_documents import PREPARED_DOCUMENTS, Document, PreparedDocuments
from shared.http.request_middleware import (
    RequestMetrics,
    context_middleware,
    request_middleware,
)
from shared.ip_addresses import parse_networks
from tests.support.service_server import ServiceServer

PATH = "/.well-known/document.json"
PLAIN = f"GET {PATH} HTTP/1.1\r\nHost: a\r\n"
AROUND = "Content-Type: text/plain\r\n"
"""A header that the application checks, and that changes nothing in its answer."""


class Served:
    """A service with one document, which changes; `entered` counts what reaches the application."""

    def __init__(self, *, document=None):
        self.entered, self.left, self.noted = 0, 1000, []
        self.registry = CollectorRegistry()
        self.document = self.version(1)
        if document is not None:
            self.document = document
        log, metrics = structlog.get_logger("test"), RequestMetrics(self.registry)
        trusted = parse_networks(["127.0.0.2/32"])
        cors = {PATH: Cors("GET, OPTIONS")}
        app = checked_application(
            client_max_size=1000,
            middlewares=[
                context_middleware(trusted),
                request_middleware(render=self.render, log=log, metrics=metrics),
                rate_limits(self.check, counting_paths=(), counted=()),
            ],
            cors=cors,
            connections=ConnectionTable(metrics=ConnectionMetrics(self.registry)),
            is_https=True,
        )
        app.add_routes([web.get(PATH, self.show)])
        self.draining = app[DRAINING]
        app[PREPARED_DOCUMENTS] = PreparedDocuments(
            {PATH: self.find},
            fixed_headers=fixed_headers(cors, is_https=True),
            trusted=trusted,
            count=self.count,
            metrics=metrics,
            log=log,
        )
        self.server = ServiceServer(app)

    def version(self, number):
        headers = {"Content-Type": "application/json", "Cache-Control": "public, max-age=300", "ETag": f'"{number}"'}
        self.unchanged = Document(headers={"ETag": f'"{number}"'}, status=304, note=self.note)
        return Document(b'{"version": %d}' % number, headers, note=self.note)

    def note(self, _request, address):
        self.noted.append(address)

    def find(self, request):
        held = request.headers.get("If-None-Match")
        return self.unchanged if held == self.unchanged.headers["ETag"] else self.document

    async def show(self, request):
        self.entered += 1
        document = self.find(request)
        self.note(request, request[CLIENT_ADDRESS])
        return document.response

    def count(self, _address):
        if self.left <= 0:
            return None
        self.left -= 1
        return ""

    def check(self, _address):
        if self.left <= 0:
            raise RequestRejected("too many", error_id="limit", status=429)
        self.left -= 1

    def render(self, _request, error, _request_id):
        return web.Response(status=error.status)

    async def ask(self, *requests, source="127.0.0.1"):
        """Send the requests at once on one connection: the heads, sorted and without what differs by chance, bodies."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port, local_addr=(source, 0))
        answers = []
        try:
            writer.write("".join(requests).encode())
            for request in requests:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                status, *lines = head.strip().split("\r\n")
                fields = dict(line.split(": ", 1) for line in lines)
                size = 0 if request.startswith("HEAD") else int(fields.get("Content-Length", 0))
                answers.append((status, fields, await reader.readexactly(size)))
        finally:
            writer.close()
        return answers

    def counted(self, status):
        labels = {"method": "GET", "route": PATH, "status": str(status)}
        return self.registry.get_sample_value("sallyport_http_requests_total", labels) or 0


@pytest.fixture
async def served():
    running = Served()
    async with running.server:
        yield running


def without_chance(answer):
    status, fields, body = answer
    assert len(fields["X-Request-Id"]) == 10
    return status, sorted((name, value) for name, value in fields.items() if name not in {"Date", "X-Request-Id"}), body


@pytest.mark.parametrize("condition", ["", 'If-None-Match: "1"\r\n', 'If-None-Match: "0"\r\n'])
async def test_the_answer_is_the_one_of_the_application_without_entering_it(served, condition):
    (prepared,) = await served.ask(f"{PLAIN}{condition}\r\n")
    assert served.entered == 0
    (reference,) = await served.ask(f"{PLAIN}{condition}{AROUND}\r\n")
    assert served.entered == 1
    assert without_chance(prepared) == without_chance(reference)
    assert prepared[1]["Date"][:-6] == reference[1]["Date"][:-6]


async def test_the_log_line_and_the_metrics_are_those_of_the_application(served):
    with capture_logs() as lines:
        (answer,) = await served.ask(f"{PLAIN}\r\n")
        await served.ask(f"{PLAIN}{AROUND}\r\n")
    assert served.entered == 1
    assert lines[0]["request_id"] == answer[1]["X-Request-Id"]
    differs = {"request_id", "ms"}
    assert {k: v for k, v in lines[0].items() if k not in differs} == {
        k: v for k, v in lines[1].items() if k not in differs
    }
    assert lines[0].keys() == lines[1].keys()
    assert served.counted(200) == 2


async def test_a_client_beyond_its_limit_is_refused_by_the_application(served, monkeypatch):
    monkeypatch.setattr(refusal_delay, "DELAY_SECONDS", 0)
    served.left = 2
    answers = await served.ask(*[f"{PLAIN}\r\n"] * 3)
    assert [status[9:12] for status, _, _ in answers] == ["200", "200", "429"]
    assert len(served.noted) == 2
    assert (served.counted(200), served.counted(429)) == (2, 1)


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        (f"HEAD {PATH} HTTP/1.1\r\nHost: a\r\n\r\n", "200"),
        (f"GET {PATH} HTTP/1.0\r\n\r\n", "200"),
        (f"GET {PATH}?a=b HTTP/1.1\r\nHost: a\r\n\r\n", "200"),
        (f"{PLAIN}Connection: close\r\n\r\n", "200"),
        (f"{PLAIN}Content-Length: 2\r\n\r\n{{}}", "200"),
        (f"{PLAIN}traceparent: 00-{'1' * 32}-{'1' * 16}-01\r\n\r\n", "200"),
        (f"{PLAIN}Content-Type: nonsense\r\n\r\n", "415"),
        (f"{PLAIN}Content-Encoding: gzip\r\n\r\n", "415"),
        (f"{PLAIN}Expect: a miracle\r\n\r\n", "417"),
        (f"POST {PATH} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "405"),
        (f"GET {PATH} HTTP/1.1\r\nHost: a\r\nA\x00B: c\r\n\r\n", "400"),
    ],
)
async def test_whatever_is_not_plain_is_checked_and_answered_by_the_application(served, request_text, status):
    ((line, _, _),) = await served.ask(request_text)
    assert line[9:12] == status
    assert served.entered == (status == "200")


async def test_in_a_drain_the_answer_closes_its_connection(served):
    served.draining.set()
    ((_, fields, _),) = await served.ask(f"{PLAIN}\r\n")
    assert fields["Connection"] == "close"
    assert served.entered == 1


async def test_with_spans_every_request_passes_through_the_application(monkeypatch):
    provider = TracerProvider()
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    running = Served()
    async with running.server:
        await running.ask(f"{PLAIN}\r\n")
    assert running.entered == 1


async def test_the_address_and_the_request_id_are_taken_from_a_trusted_proxy_only(served):
    stated = f"{PLAIN}X-Forwarded-For: 192.0.2.7\r\nX-Request-Id: of-the-proxy\r\n\r\n"
    ((_, by_proxy, _),) = await served.ask(stated, source="127.0.0.2")
    ((_, by_another, _),) = await served.ask(stated)
    assert served.entered == 0
    assert served.noted == ["192.0.2.7", "127.0.0.1"]
    assert by_proxy["X-Request-Id"] == "of-the-proxy" != by_another["X-Request-Id"]


async def test_a_new_version_is_the_answer_to_the_next_request(served):
    await served.ask(f"{PLAIN}\r\n")
    served.document = served.version(2)
    ((_, fields, body),) = await served.ask(f"{PLAIN}\r\n")
    assert (fields["ETag"], body) == ('"2"', b'{"version": 2}')
    assert served.entered == 0


async def test_a_client_that_does_not_read_its_answers_is_disconnected(monkeypatch):
    monkeypatch.setattr(http_server, "UNREAD_ANSWER_SECONDS", 0.05)
    running = Served(document=Document(bytes(1 << 20), {"Content-Type": "application/octet-stream"}))
    async with running.server:
        _reader, writer = await asyncio.open_connection("127.0.0.1", running.server.port, limit=1)
        writer.write(f"{PLAIN}\r\n".encode() * 30)
        labels = {"reason": "answer_unread"}
        try:
            async with asyncio.timeout(5):
                while not running.registry.get_sample_value("sallyport_http_connections_ended_total", labels):  # noqa: ASYNC110 - nothing announces it
                    await asyncio.sleep(0.02)
        finally:
            writer.transport.abort()
    assert running.counted(200) < 30
    assert running.entered == 0


@pytest.mark.parametrize("name", ["A\r\nB", "A:B"])
async def test_a_header_that_would_end_its_line_is_refused(name):
    running = Served(document=Document(b"", {name: "c"}))
    async with running.server:
        with capture_logs() as lines:
            ((line, fields, _),) = await running.ask(f"{PLAIN}\r\n")
    assert line[9:12] == "503"
    assert "B" not in fields
    assert "control character" in str(lines[-1]["exc_info"])


def test_only_paths_where_the_host_does_not_count_are_prepared():
    with pytest.raises(ValueError, match="well-known"):
        PreparedDocuments(
            {"/document": lambda _request: None},
            fixed_headers=lambda _path: {},
            trusted=(),
            count=lambda _address: "",
            metrics=RequestMetrics(CollectorRegistry()),
            log=structlog.get_logger(),
        )
