"""The one port of `make run` for a tunnel, in front of two services that tell what reached them."""

import asyncio
import gzip

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer
from yarl import URL

from devstack.public_gateway import public_url_of, serving
from devstack.service_process import ServiceError
from tests.support.free_ports import free_port


class Service:
    """Answers with its name and with what it received."""

    def __init__(self, name):
        self.name = name
        self.left = asyncio.Event()
        self.server = RawTestServer(self.handle)

    async def handle(self, request):
        if request.path == "/mcp/":
            return await self.stream(request)
        if request.path == "/mcp/jwks.json":
            return await self.half(request)
        if request.path == "/token":
            body = gzip.compress(b"as it is")
            return web.Response(body=body, headers={"Content-Encoding": "gzip", "Connection": "X-Hop", "X-Hop": "1"})
        heard = {"name": self.name, "target": request.raw_path, "body": (await request.read()).decode()}
        headers = [[name, value] for name, value in request.headers.items()]
        return web.json_response({**heard, "method": request.method, "headers": headers})

    async def half(self, request):
        response = web.StreamResponse(headers={"Content-Length": "10"})
        await response.prepare(request)
        await response.write(b"12345")
        request.transport.close()
        return response

    async def stream(self, request):
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            await response.write(b"data: 1\n\n")
            await asyncio.sleep(60)
        finally:
            self.left.set()
        return response


@pytest.fixture
async def gateway():
    """The gateway's address, and the service of /mcp."""
    services = [Service("auth"), Service("mcp")]
    port = free_port(("127.0.0.1",))
    for service in services:
        await service.server.start_server()
    auth_port, mcp_port = (service.server.port for service in services)
    assert auth_port
    assert mcp_port
    async with serving(("127.0.0.1",), port, "https://a.tunnel/mcp", auth_port, mcp_port):
        yield f"http://127.0.0.1:{port}", services[1]
    for service in services:
        await service.server.close()


@pytest.fixture
async def http():
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        yield session


async def heard(http, url, *, method="GET", **options):
    async with http.request(method, url, **options) as answer:
        return await answer.json()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/mcp", "mcp"),
        ("/.well-known/oauth-protected-resource", "mcp"),
        ("/.well-known/oauth-protected-resource/mcp", "mcp"),
        ("/mcp2", "auth"),
        ("/authorize", "auth"),
        ("/.well-known/jwks.json", "auth"),
        ("/", "auth"),
    ],
)
async def test_each_path_has_its_service(gateway, http, path, name):
    url, _ = gateway
    assert (await heard(http, url + path))["name"] == name


async def test_a_request_arrives_as_it_was_sent(gateway, http):
    url, _ = gateway
    sent = await heard(http, URL(f"{url}/authorize?a=%2f&b=+", encoded=True), method="POST", data=b"x" * 100_000)
    assert (sent["target"], sent["method"], len(sent["body"])) == ("/authorize?a=%2f&b=+", "POST", 100_000)


async def test_the_peer_is_appended_to_the_addresses_that_the_tunnel_states(gateway, http):
    url, _ = gateway
    sent = await heard(http, f"{url}/authorize", headers={"X-Forwarded-For": "203.0.113.9"})
    stated = [value for name, value in sent["headers"] if name == "X-Forwarded-For"]
    assert stated == ["203.0.113.9, 127.0.0.1"]


async def test_headers_of_the_connection_do_not_pass(gateway, http):
    url, _ = gateway
    sent = await heard(http, f"{url}/authorize", headers={"Connection": "X-Own", "X-Own": "1", "X-Else": "2"})
    names = {name for name, _ in sent["headers"]}
    assert ("X-Own" in names, "X-Else" in names) == (False, True)


async def test_an_answer_passes_byte_by_byte(gateway, http):
    url, _ = gateway
    async with http.get(f"{url}/token") as answer:
        assert gzip.decompress(await answer.read()) == b"as it is"
        assert answer.headers["Content-Encoding"] == "gzip"
        assert "X-Hop" not in answer.headers


async def test_an_event_arrives_before_the_stream_ends_and_a_client_that_leaves_ends_it(gateway, http):
    url, service = gateway
    async with http.get(f"{url}/mcp/") as answer:
        assert await answer.content.readline() == b"data: 1\n"
        assert not service.left.is_set()
        answer.close()
    async with asyncio.timeout(10):
        await service.left.wait()


async def test_an_answer_that_breaks_off_is_broken_off(gateway, http):
    url, _ = gateway
    async with http.get(f"{url}/mcp/jwks.json") as answer:
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()


async def test_a_service_that_is_away_is_answered_502(http):
    port, closed = free_port(("127.0.0.1",)), free_port(("127.0.0.1",))
    async with (
        serving(("127.0.0.1",), port, "https://a.tunnel/mcp", closed, closed),
        http.get(f"http://127.0.0.1:{port}/mcp") as answer,
    ):
        assert answer.status == 502


async def test_a_request_target_never_chooses_the_host_that_the_gateway_connects_to(gateway):
    url, _ = gateway
    reached = []

    async def record(request):
        reached.append(request.raw_path)
        return web.Response()

    async with RawTestServer(record) as other:
        for line in (f"CONNECT 1@127.0.0.1:{other.port}", f"GET http://127.0.0.1:{other.port}/", "OPTIONS *"):
            reader, writer = await asyncio.open_connection("127.0.0.1", URL(url).port)
            writer.write(f"{line} HTTP/1.1\r\nHost: a.tunnel\r\nConnection: close\r\n\r\n".encode())
            async with asyncio.timeout(10):
                answer = await reader.read()
            writer.close()
            await writer.wait_closed()
            assert (answer.split(b" ", 2)[1], reached) == (b"400", []), line


def test_a_public_address_with_a_path_is_refused_and_the_right_one_named():
    with pytest.raises(ServiceError, match=r"^SALLYPORT_PUBLIC_URL: .* no path: https://a\.tunnel$"):
        public_url_of({"SALLYPORT_PUBLIC_URL": "https://a.tunnel/mcp"})
