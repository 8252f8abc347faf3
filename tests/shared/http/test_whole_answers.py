"""An answer that is written in one step is the one that aiohttp writes by itself."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.http_writer import StreamWriter
from prometheus_client import CollectorRegistry

from shared.http.application import Cors, checked_application
from shared.http.connections import ConnectionMetrics, ConnectionTable
from shared.http.health import DRAINING
from shared.http.request_middleware import write_whole_answers
from tests.support.service_server import ServiceServer

GET = "GET /{} HTTP/1.1\r\nHost: a\r\n\r\n"


def of_bytes(**options):
    return lambda: web.Response(body=b'{"a": 1}', **options)


def with_cookie():
    response = web.Response(text="a")
    response.set_cookie("name", "value")
    return response


def closing():
    response = web.Response(text="a")
    response.force_close()
    return response


def compressed():
    response = web.Response(text="a" * 2000)
    response.enable_compression(web.ContentCoding.gzip)
    return response


def chunked():
    response = web.Response(text="a" * 2000)
    response.enable_chunked_encoding()
    return response


def dated():
    return web.Response(text="a", headers={"Date": "Thu, 01 Jan 1970 00:00:00 GMT"})


def with_length():
    return web.Response(text="a", headers={"content-length": "1"})


ANSWERS = {
    "bytes": of_bytes(),
    "json": of_bytes(content_type="application/json"),
    "text": lambda: web.Response(text="Grüße", headers={"X-Text": "Grüße", "X-Tab": "a\tb"}),
    "repeated": lambda: web.Response(text="a", headers=[("Link", "<a>"), ("Link", "<b>")]),
    "error": of_bytes(status=429, headers={"Retry-After": "3"}),
    "unknown-status": of_bytes(status=299, reason="Odd"),
    "empty": web.Response,
    "no-content": lambda: web.Response(status=204),
    "unchanged": lambda: web.Response(status=304, headers={"ETag": '"1"'}),
    "with-body-it-must-not-have": lambda: web.Response(status=304, body=b"a"),
    "early-hints-with-body": lambda: web.Response(status=103, body=b"a"),
    "see-other": lambda: web.Response(status=303, headers={"Location": "/a"}),
    "big": lambda: web.Response(body=b"b" * 300_000),
    "cookie": with_cookie,
    "closing": closing,
    "compressed": compressed,
    "chunked": chunked,
    "dated": dated,
    "with-length": with_length,
}
REQUESTS = {
    "GET": GET,
    "HEAD": "HEAD /{} HTTP/1.1\r\nHost: a\r\n\r\n",
    "a connection that ends": "GET /{} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "HTTP/1.0": "GET /{} HTTP/1.0\r\nHost: a\r\n\r\n",
    "HTTP/1.0 that is kept alive": "GET /{} HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
    "an upgrade": "GET /{} HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    "an expectation": "POST /{} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
    "a body": "POST /{} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
    "compression": "GET /{} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n",
}


class Answering:
    """A service with a path for each of the answers. `in_one_step` is false for what is left to aiohttp."""

    def __init__(self, *, in_one_step):
        self.written: list[bool] = []
        app = checked_application(
            middlewares=[self.note],
            client_max_size=1000,
            cors={f"/{name}": Cors("GET") for name in ANSWERS},
            connections=ConnectionTable(metrics=ConnectionMetrics(CollectorRegistry())),
            is_https=True,
        )
        if not in_one_step:
            app.middlewares.remove(write_whole_answers)
        app.middlewares.insert(0, self.see)
        app.router.add_route("*", "/{name}", self.answer)
        self.server = ServiceServer(app)

    @web.middleware
    async def see(self, request, handler):
        response = await handler(request)
        self.written.append(type(response) is not web.Response)
        return response

    @web.middleware
    async def note(self, request, handler):
        response = await handler(request)
        response.headers["X-Request-Id"] = "abcdefghjk"
        return response

    async def answer(self, request):
        await asyncio.sleep(0)
        return ANSWERS[request.match_info["name"]]()

    async def ask(self, request):
        """Status, header fields without the date, and all that follows until the next answer or the end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        try:
            writer.write(request.encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            status, *lines = head.strip().split("\r\n")
            fields = sorted(line for line in lines if not line.startswith("Date: ") or "1970" in line)
            if "Connection: keep-alive" in lines or (status[:8] == "HTTP/1.1" and "Connection: close" not in lines):
                writer.write(b"GET /empty HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            rest, next_answer, _ = (await reader.read()).partition(b"HTTP/1.1 200 OK")
            return status, fields, rest, bool(next_answer)
        except asyncio.IncompleteReadError as exc:
            return exc.partial
        finally:
            writer.close()


@asynccontextmanager
async def both():
    fast, reference = Answering(in_one_step=True), Answering(in_one_step=False)
    async with fast.server, reference.server:
        yield fast, reference


@pytest.mark.parametrize("request_text", REQUESTS.values(), ids=REQUESTS)
@pytest.mark.parametrize("name", ANSWERS)
async def test_it_is_the_answer_of_aiohttp(name, request_text):
    async with both() as (fast, reference):
        request = request_text.format(name)
        assert await fast.ask(request) == await reference.ask(request)


@pytest.mark.parametrize("name", ANSWERS)
async def test_in_a_drain_it_is_the_answer_of_aiohttp(name):
    async with both() as (fast, reference):
        for one in (fast, reference):
            one.server.app[DRAINING].set()
        assert await fast.ask(GET.format(name)) == await reference.ask(GET.format(name))


@pytest.mark.parametrize("name", ["bytes", "json", "text", "repeated", "error", "unknown-status", "big", "dated"])
async def test_a_whole_answer_is_written_in_one_step(name):
    async with both() as (fast, _reference):
        await fast.ask(GET.format(name))
        assert fast.written[0]


@pytest.mark.parametrize("character", ["\r\n", "\n", "\r", "\0", "\x7f"])
async def test_a_control_character_in_a_header_is_not_written(monkeypatch, character):
    headers = {"X-Text": f"a{character}Set-Cookie: b=c"}
    monkeypatch.setitem(ANSWERS, "injected", lambda: web.Response(text="a", headers=headers))
    async with both() as (fast, _reference):
        status, fields, _body, _next = await fast.ask(GET.format("injected"))
        assert status == "HTTP/1.1 503 Service Unavailable"
        assert "Set-Cookie" not in "".join(fields)


async def test_a_request_behind_one_whose_client_has_left_is_not_handled(monkeypatch):
    async def gone(_writer, _chunk=b""):
        raise ConnectionResetError

    monkeypatch.setattr(StreamWriter, "write_eof", gone)
    async with both() as served:
        for one in served:
            reader, writer = await asyncio.open_connection("127.0.0.1", one.server.port)
            writer.write(2 * GET.format("json").encode())
            await reader.read()
            writer.close()
            assert len(one.written) == 1


async def test_every_answer_has_its_date():
    async with both() as (fast, _reference):
        reader, writer = await asyncio.open_connection("127.0.0.1", fast.server.port)
        writer.write(GET.format("json").encode())
        assert b"\r\nDate: " in await reader.readuntil(b"\r\n\r\n")
        writer.close()
