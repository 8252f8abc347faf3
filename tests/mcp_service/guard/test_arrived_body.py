"""A body that arrived with its headers is read at once, within the bound of the application."""

import asyncio

import pytest
from aiohttp import web

from mcp_service.guard.bearer import arrived_body
from tests.support.service_server import ServiceServer


async def read(request):
    body = arrived_body(request)
    return web.Response(text="more is to come" if body is None else f"{len(body)} bytes")


@pytest.fixture
async def server():
    app = web.Application(client_max_size=8)
    app.router.add_post("/", read)
    server = ServiceServer(app)
    await server.start_server()
    yield server
    await server.close()


async def answer(server, sent):
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(sent)
    status = await reader.readline()
    length = int((await reader.readuntil(b"\r\n\r\n")).lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    body = await reader.readexactly(length)
    writer.close()
    return int(status.split()[1]), body


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"Content-Length: 8\r\n\r\n12345678", (200, b"8 bytes")),
        (b"Transfer-Encoding: chunked\r\n\r\n3\r\n123\r\n2\r\n45\r\n0\r\n\r\n", (200, b"5 bytes")),
        (b"\r\n", (200, b"0 bytes")),
        (b"Content-Length: 8\r\n\r\n1234567", (200, b"more is to come")),
    ],
    ids=["with a length", "in chunks", "none", "cut"],
)
async def test_what_has_arrived_is_read_and_nothing_is_waited_for(server, sent, expected):
    assert await answer(server, b"POST / HTTP/1.1\r\nHost: a\r\n" + sent) == expected


async def test_a_body_above_the_bound_is_refused(server):
    status, _ = await answer(server, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123456789")
    assert status == 413
