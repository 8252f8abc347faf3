"""A body is read in the same way whether it arrives with the headers or after them."""

import asyncio

import pytest
from aiohttp import web

from auth_service.http.messages import read_body, read_form
from tests.support.service_server import ServiceServer

BOUND = 20


@pytest.fixture
async def server():
    async def read(request):
        """With `X-Reference` by aiohttp itself."""
        if "X-Reference" in request.headers:
            return web.Response(body=await request.read())
        form = await read_form(request)
        assert (await read_form(request)).single_values() == form.single_values()
        return web.Response(body=await read_body(request))

    app = web.Application(client_max_size=BOUND)
    app.router.add_post("/", read)
    async with ServiceServer(app) as running:
        yield running


async def answer(server, body, *, at_once, header=b""):
    """The status line and what the answer ends with."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(
        b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        + header
        + b"Content-Length: %d\r\n\r\n" % len(body)
        + (body if at_once else b"")
    )
    if not at_once:
        await asyncio.sleep(0.05)
        writer.write(body)
    got = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    return got.partition(b"\r\n")[0], got.rpartition(b"\r\n")[2]


@pytest.mark.parametrize("at_once", [True, False], ids=["with the headers", "after them"])
@pytest.mark.parametrize("body", [b"", b"a=b", b"a" * BOUND, b"a" * (BOUND + 1)])
async def test_a_form_is_read_as_aiohttp_reads_a_body_and_can_be_read_again(server, body, at_once):
    reference = await answer(server, body, at_once=at_once, header=b"X-Reference: 1\r\n")
    assert await answer(server, body, at_once=at_once) == reference
    assert (reference[0] == b"HTTP/1.1 200 OK") is (len(body) <= BOUND)
