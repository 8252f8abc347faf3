"""A server that fails in every way: the client gets an error with its id, the log the reason."""

import asyncio
import socket
import time

import aiohttp
import pytest

from tests.mcp_service.servers.http_upstream.conftest import Caller
from tests.support.raw_upstream import EVENTS_HEAD, bytes_answer, chunk, event, http, json_answer

SECRET = "s3cret-of-the-server"
CHUNKED_JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


async def failure(service, pending):
    """The status, the JSON-RPC error, and what the log says of it."""
    async with asyncio.timeout(10), pending as response:
        message = await response.json()
    entry = service.errors()[-1]
    assert message["error"]["data"]["request_id"] == entry["request_id"]
    assert SECRET not in str(message)
    assert SECRET not in str(service.logs)
    return response, message, entry


@pytest.mark.parametrize(
    ("answer", "status", "error_id", "reason"),
    [
        (b"SSH-2.0-OpenSSH_9.6 " + SECRET.encode() + b"\r\n\r\n", 502, "upstream_not_http", "not HTTP"),
        (b"\x15\x03\x01\x00\x02\x02\x50", 502, "upstream_not_http", "does the server speak https?"),
        (http("200 OK", b"<html>" + SECRET.encode(), "Content-Type: text/html"), 502, "upstream_not_mcp", "text/html"),
        (http("500 Oh", b"<html>" + SECRET.encode(), "Content-Type: text/html"), 502, "upstream_not_mcp", "text/html"),
        (http("200 OK", b"hello"), 502, "upstream_not_mcp", "no type"),
        (http("200 OK", b"hello", "Content-Type: text/plain"), 502, "upstream_not_mcp", "address of the MCP endpoint"),
        (http("404 Not Found", b"no", "Content-Type: text/plain"), 502, "upstream_not_mcp", "MCP endpoint"),
        (http("421 Misdirected", b"no", "Content-Type: text/plain"), 502, "upstream_not_mcp", "MCP_UPSTREAM_HOST"),
        (http("101 Switching Protocols", b"", "Upgrade: h2c", "Connection: Upgrade"), 502, "upstream_not_http", "101"),
        (http("307 Temporary Redirect", b"", "Location: /mcp/"), 502, "upstream_redirect", "/mcp/"),
        (
            http("302 Found", b"", f"Location: https://u:{SECRET}@login.example/x?token={SECRET}"),
            502,
            "upstream_redirect",
            "https://login.example/x",
        ),
        (http("302 Found", b"", "Location: http://[bad"), 502, "upstream_redirect", "no target"),
        (http("304 Not Modified", length=False), 502, "upstream_redirect", "304"),
        (json_answer({}, "WWW-Authenticate: Bearer", status="401 Unauthorized"), 502, "upstream_credential", "401"),
        (json_answer({}, status="403 Forbidden"), 502, "upstream_credential", "403"),
        (json_answer({}, status="407 Proxy"), 502, "upstream_credential", "407"),
        (json_answer({}, f"X-Big: {'a' * 20_000}"), 502, "upstream_not_http", "too long"),
        (json_answer({}, *(f"X-{n}: a" for n in range(200))), 502, "upstream_not_http", "too long"),
        (json_answer({}, "Mcp-Session-Id: a", "Mcp-Session-Id: b"), 502, "upstream_not_mcp", "session id"),
        (json_answer({}, "Mcp-Session-Id: with space"), 502, "upstream_not_mcp", "session id"),
        (json_answer({}, f"Mcp-Session-Id: {'a' * 2000}"), 502, "upstream_not_mcp", "session id"),
        (http("200 OK", b"", "Content-Type: application/json", "Content-Length: 99999999999"), 502, None, None),
        (http("200 OK", b"{}", "Content-Type: application/json", "Content-Length: 3"), 502, None, None),
        (http("200 OK", b"{}", "Content-Type: application/json", "Content-Length: x", length=False), 502, None, None),
        (CHUNKED_JSON + b"zz\r\n", 502, None, None),
    ],
)  # fmt: skip
async def test_an_answer_that_is_none_of_mcp_is_502_with_the_reason_in_the_log(
    upstream, guard, caller, answer, status, error_id, reason
):
    upstream.answer = bytes_answer(answer, then_close=True)
    response, message, entry = await failure(guard, caller.call(request_id="seven"))
    assert (response.status, message["id"]) == (status, "seven")
    assert message["error"]["code"] == -32000
    assert "WWW-Authenticate" not in response.headers
    assert "Location" not in response.headers
    if error_id is not None:
        assert entry["error_id"] == error_id
        assert reason in entry["reason"]


async def test_a_redirect_names_the_whole_address_to_set(upstream, guard, caller):
    upstream.answer = bytes_answer(http("308 Permanent Redirect", b"", "Location: /other/mcp"))
    _, _, entry = await failure(guard, caller.call())
    assert f"set MCP_UPSTREAM to http://127.0.0.1:{upstream.port}/other/mcp" in entry["reason"]
    assert len(upstream.requests) == 1


async def test_a_server_that_is_not_there_is_502_and_the_client_may_try_again(upstream, guard, caller):
    await upstream.stop()
    response, message, entry = await failure(guard, caller.call(request_id=3))
    assert (response.status, message["id"], entry["error_id"]) == (502, 3, "upstream_refused")
    assert response.headers["Retry-After"]


async def test_a_connection_that_is_not_accepted_is_504(make_guard):
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        queued = [socket.socket() for _ in range(4)]
        for waiting in queued:
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        service = await make_guard(
            upstream=f"http://127.0.0.1:{full.getsockname()[1]}/mcp", upstream_connect_seconds=0.2
        )
        response, message, entry = await failure(service, Caller(service).call(request_id=4))
        for waiting in queued:
            waiting.close()
    assert (response.status, message["id"], entry["error_id"]) == (504, 4, "upstream_connect_time")


@pytest.mark.parametrize(
    "head", [b"", b"HTTP/1.1 200 OK\r\nContent-Ty", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"]
)
async def test_a_head_that_does_not_come_in_time_is_504(make_guard, upstream, head):
    async def answer(request, writer):
        writer.write(head)
        await request.left.wait()

    upstream.answer = answer
    service = await make_guard(upstream_response_seconds=0.5)
    response, message, entry = await failure(service, Caller(service).call(request_id=5))
    assert (response.status, message["id"], entry["error_id"]) == (504, 5, "upstream_response_time")
    async with asyncio.timeout(10):
        await upstream.requests[0].left.wait()


async def test_endless_headers_end(make_guard, upstream):
    async def answer(request, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n")
        number = 0
        while not request.left.is_set():
            number += 1
            writer.write(b"X-%d: a\r\n" % number)
            await asyncio.sleep(0)

    upstream.answer = answer
    service = await make_guard()
    response, _, _ = await failure(service, Caller(service).call())
    assert response.status == 502


async def test_early_hints_are_not_the_answer(upstream, caller):
    upstream.answer = bytes_answer(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + json_answer({"id": 1}))
    async with caller.call() as response:
        assert (response.status, await response.json()) == (200, {"id": 1})
        assert "Link" not in response.headers


async def test_a_body_that_stops_is_504_as_long_as_nothing_was_sent(make_guard, upstream):
    async def answer(request, writer):
        writer.write(http("200 OK", b"{" + b" " * 50, "Content-Type: application/json")[:-10])
        await request.left.wait()

    upstream.answer = answer
    service = await make_guard(upstream_idle_seconds=0.1)
    response, _, entry = await failure(service, Caller(service).call())
    assert (response.status, entry["error_id"]) == (504, "upstream_idle_time")


async def test_a_body_in_single_bytes_arrives(make_guard, upstream):
    async def answer(_request, writer):
        for byte in json_answer({"id": 1}):
            writer.write(bytes([byte]))
            await asyncio.sleep(0.001)

    upstream.answer = answer
    service = await make_guard(upstream_idle_seconds=5)
    async with Caller(service).call() as response:
        assert await response.json() == {"id": 1}


@pytest.mark.parametrize("status", ["202 Accepted", "204 No Content"])
async def test_an_accepted_notification_without_length_does_not_wait(upstream, caller, status):
    async def answer(request, writer):
        writer.write(f"HTTP/1.1 {status}\r\n\r\n".encode())
        await request.left.wait()

    upstream.answer = answer
    async with asyncio.timeout(10):
        async with caller.post({"jsonrpc": "2.0", "method": "notifications/initialized"}) as response:
            assert (response.status, await response.read()) == (int(status[:3]), b"")


async def test_a_compressed_answer_passes_with_its_coding(upstream, guard, caller):
    body = b"\x1f\x8b not really"
    upstream.answer = bytes_answer(http("200 OK", body, "Content-Type: application/json", "Content-Encoding: gzip"))
    async with (
        aiohttp.ClientSession(auto_decompress=False) as session,
        session.post(
            guard.url, json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, headers=caller.credential
        ) as response,
    ):
        assert (response.headers["Content-Encoding"], await response.read()) == ("gzip", body)
    assert "accept-encoding" not in upstream.requests[0].headers


BROKEN = {
    "events that end without an end": (EVENTS_HEAD + chunk(event({"a": 1})), b""),
    "half a chunk": (EVENTS_HEAD + b"ff\r\nevent: message", b""),
    "a chunk that is none": (EVENTS_HEAD + chunk(event({"a": 1})), b"zz\r\n"),
    "a shorter body than announced": (
        http("200 OK", b" " * 200_000, "Content-Type: application/json")[:100_000],
        b" " * 99_000,
    ),
    "a chunked body without an end": (CHUNKED_JSON + chunk(b" " * 200_000), b""),
}


@pytest.mark.parametrize("parts", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_an_answer_that_breaks_off_breaks_off_for_the_client(upstream, guard, caller, parts, version):
    """A clean end would make a whole answer of it."""
    has_begun = asyncio.Event()

    async def answer(_request, writer):
        writer.write(parts[0])
        await has_begun.wait()
        writer.write(parts[1])
        writer.close()

    upstream.answer = answer
    reader, writer = await asyncio.open_connection("127.0.0.1", guard.port)
    body = b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "a"}}'
    writer.write(
        f"POST /mcp HTTP/{version}\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Authorization: {caller.credential['Authorization']}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    async with asyncio.timeout(10):
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 200 OK" in head
        has_begun.set()
        if version == "1.0":
            with pytest.raises(ConnectionResetError):
                await reader.read(-1)
        else:
            received = await reader.read(-1)
            assert not received.endswith(b"0\r\n\r\n")
            assert b"Content-Length" not in head or len(received) < 200_000
    writer.close()
    async with asyncio.timeout(10):
        while not guard.errors():  # noqa: ASYNC110 - the log line is the event
            await asyncio.sleep(0)
    assert guard.errors()[-1]["error_id"] == "upstream_broken"


async def test_a_fault_of_the_server_is_counted_by_its_kind(upstream, guard, caller):
    upstream.answer = bytes_answer(http("200 OK", b"hello"))
    await failure(guard, caller.call())
    async with guard.session.get(f"{guard.root}/metrics") as response:
        text = await response.text()
    assert 'sallyport_upstream_requests_total{outcome="upstream_not_mcp"} 1.0' in text
    assert "sallyport_upstream_response_seconds_count 1.0" in text
    assert 'sallyport_upstream_in_progress{kind="call"} 0.0' in text


async def test_credentials_for_the_server_are_in_no_log(make_guard, upstream):
    service = await make_guard(upstream_headers=f'{{"Authorization": "Bearer {SECRET}"}}')
    upstream.answer = bytes_answer(b"nonsense", then_close=True)
    await failure(service, Caller(service).call())
    assert upstream.requests[0].headers["authorization"] == f"Bearer {SECRET}"
    assert SECRET not in str(service.logs)


async def test_the_deadline_of_a_head_does_not_count_for_what_follows(make_guard, upstream):
    """A stream outlives the time that its head may take."""

    async def answer(_request, writer):
        writer.write(EVENTS_HEAD)
        started = time.monotonic()
        while time.monotonic() - started < 0.5:
            writer.write(chunk(event({})))
            await asyncio.sleep(0.05)
        writer.write(b"0\r\n\r\n")

    upstream.answer = answer
    service = await make_guard(upstream_response_seconds=0.2, upstream_idle_seconds=0.1)
    async with Caller(service).get() as response:
        assert len(await response.read()) > 100
