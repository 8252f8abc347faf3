"""Requests to providers: bounded in time, size and number, and nothing of one request is in another."""

import asyncio
import gzip

import pytest
from aiohttp import web

from auth_service.federation import http
from auth_service.federation.http import MAX_CONCURRENT_PER_HOST, ProviderHttp
from shared.fetch.ssrf_safe_client import FetchFailed, FetchGone, FetchRefused

LIMIT = 1000


class Server:
    """Answers with what a test sets, and keeps the requests."""

    def __init__(self):
        self.answer = lambda _: web.Response(body=b"{}")
        self.url = ""
        self.requests = []
        self.bodies = []
        self.waiting = 0
        self.most_waiting = 0
        self.release = asyncio.Event()
        self.arrived = asyncio.Condition()

    async def handle(self, request):
        self.requests.append(request)
        self.bodies.append(await request.read())
        if request.path != "/held":
            answer = self.answer(request)
            return await answer if asyncio.iscoroutine(answer) else answer
        async with self.arrived:
            self.waiting += 1
            self.most_waiting = max(self.most_waiting, self.waiting)
            self.arrived.notify_all()
        try:
            await self.release.wait()
        finally:
            self.waiting -= 1
        return web.Response(body=b"{}")


@pytest.fixture
async def server():
    served = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", served.handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    served.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield served
    served.release.set()
    await runner.cleanup()


@pytest.fixture
async def client():
    made = ProviderHttp()
    yield made
    await made.close()


async def test_a_form_is_sent_in_utf_8_with_the_given_headers(client, server):
    server.answer = lambda _: web.Response(status=400, body=b"no", content_type="text/plain")
    answer = await client.post_form(
        f"{server.url}/token", {"code": "a+b&c=ü"}, headers={"Authorization": "Basic x"}, max_bytes=LIMIT
    )
    assert (answer.status, answer.body) == (400, b"no")
    assert answer.content_type.startswith("text/plain")
    request = server.requests[0]
    assert server.bodies == [b"code=a%2Bb%26c%3D%C3%BC"]
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.headers["Authorization"] == "Basic x"
    assert request.headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("method", ["get", "get_response", "post_form"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(client, server, method, status):
    server.answer = lambda _: web.Response(status=status, headers={"Location": f"{server.url}/elsewhere"})
    with pytest.raises(FetchRefused):
        await ask(client, method, server.url)
    assert len(server.requests) == 1


async def test_a_redirect_would_be_followed_without_the_rule(monkeypatch, client, server):
    monkeypatch.setitem(http._REQUEST, "allow_redirects", True)
    server.answer = lambda request: (
        web.Response(body=b"{}")
        if request.path == "/elsewhere"
        else web.Response(status=302, headers={"Location": "/elsewhere"})
    )
    assert (await client.get(server.url, max_bytes=LIMIT)).body == b"{}"


@pytest.mark.parametrize("method", ["get", "get_response", "post_form"])
async def test_an_answer_is_as_long_as_permitted_at_most(client, server, method):
    for length, chunked in ((LIMIT, False), (LIMIT, True)):
        server.answer = body_of(length, chunked=chunked)
        assert len((await ask(client, method, server.url)).body) == LIMIT
        server.answer = body_of(length + 1, chunked=chunked)
        with pytest.raises(FetchRefused):
            await ask(client, method, server.url)


@pytest.mark.parametrize("method", ["get", "get_response", "post_form"])
async def test_a_compressed_answer_is_refused(client, server, method):
    """A few bytes could become gigabytes."""
    packed = gzip.compress(b" " * 10_000_000)
    server.answer = lambda _: web.Response(body=packed[:LIMIT], headers={"Content-Encoding": "gzip"})
    with pytest.raises(FetchRefused):
        await ask(client, method, server.url)


@pytest.mark.parametrize("method", ["get", "post_form"])
async def test_an_answer_that_trickles_ends_with_the_time(server, method):
    async def trickle(request):
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.01)

    server.answer = trickle
    client = ProviderHttp(timeout_seconds=0.1)
    with pytest.raises(FetchFailed, match="within"):
        await ask(client, method, server.url)
    await client.close()


async def test_a_provider_that_hangs_occupies_a_bounded_number_of_connections(client, server):
    asked = [asyncio.create_task(client.get(f"{server.url}/held", max_bytes=LIMIT)) for _ in range(20)]
    async with server.arrived:
        await server.arrived.wait_for(lambda: server.waiting >= MAX_CONCURRENT_PER_HOST)
    # Another host is not affected, and one request of this one goes on for each that ends.
    other = server.url.replace("127.0.0.1", "localhost")
    assert (await client.get(f"{other}/free", max_bytes=LIMIT)).body == b"{}"
    server.release.set()
    assert len(await asyncio.gather(*asked)) == 20
    assert server.most_waiting == MAX_CONCURRENT_PER_HOST


async def test_a_request_that_gets_no_connection_ends_with_the_time(monkeypatch, server):
    monkeypatch.setattr(http, "MAX_CONCURRENT_PER_HOST", 1)
    client = ProviderHttp(timeout_seconds=0.3)
    outcomes = await asyncio.gather(
        *(client.get(f"{server.url}/held", max_bytes=LIMIT) for _ in range(3)), return_exceptions=True
    )
    await client.close()
    assert [type(outcome) for outcome in outcomes] == [FetchFailed] * 3
    assert server.most_waiting <= 1


async def test_cookies_of_a_provider_are_not_sent_back(client, server):
    server.answer = lambda _: web.Response(body=b"{}", headers={"Set-Cookie": "user=ada; Path=/"})
    for _ in range(2):
        await client.get(server.url, max_bytes=LIMIT)
    assert not any("Cookie" in request.headers for request in server.requests)


async def test_proxies_and_passwords_of_the_environment_are_not_used(monkeypatch, client, server, tmp_path):
    (tmp_path / "netrc").write_text("default login ada password canary\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    await client.get(server.url, max_bytes=LIMIT)
    assert "Authorization" not in server.requests[0].headers


@pytest.mark.parametrize(
    ("status", "error"), [(204, FetchFailed), (404, FetchGone), (401, FetchRefused), (500, FetchFailed)]
)
async def test_a_document_has_status_200(client, server, status, error):
    server.answer = lambda _: web.Response(status=status)
    with pytest.raises(error):
        await client.get(server.url, max_bytes=LIMIT)
    assert (await client.get_response(server.url, max_bytes=LIMIT)).status == status


async def test_a_form_is_sent_once_although_the_connection_breaks(client, server):
    def hang_up(request):
        request.transport.close()
        return web.Response()

    server.answer = hang_up
    with pytest.raises(FetchFailed):
        await client.post_form(server.url, {"code": "once"}, max_bytes=LIMIT)
    assert len(server.requests) == 1


async def test_no_error_holds_what_was_sent(client, server, unused_tcp_port):
    """Invariant 9: the text of the error is logged."""

    def answers():
        yield f"http://127.0.0.1:{unused_tcp_port}", None
        yield "http://no-such-host.invalid", None
        yield server.url, lambda request: request.transport.close() or web.Response()
        yield server.url, lambda request: web.Response(headers={"X-Echo": "canary" * 10_000})
        yield server.url, lambda request: web.Response(status=302, headers={"Location": "/?canary"})

    for url, answer in answers():
        server.answer = answer
        with pytest.raises(FetchFailed) as caught:
            await client.post_form(url, {"code": "canary"}, headers={"Authorization": "canary"}, max_bytes=LIMIT)
        assert "canary" not in str(caught.value)


async def test_a_header_that_would_end_the_line_is_not_sent(client, server):
    with pytest.raises(FetchFailed):
        await client.get(server.url, headers={"Authorization": "Bearer x\r\nX-Evil: 1"}, max_bytes=LIMIT)
    assert server.requests == []


async def ask(client, method, url):
    if method == "post_form":
        return await client.post_form(url, {"code": "c"}, max_bytes=LIMIT)
    return await getattr(client, method)(url, max_bytes=LIMIT)


def body_of(length, *, chunked):
    async def stream(request):
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(b" " * length)
        await response.write_eof()
        return response

    return stream if chunked else lambda _: web.Response(body=b" " * length)
