"""Messages and streams pass in both directions as they are, as soon as they come."""

import asyncio
import json

import pytest

from tests.mcp_service.servers.http_upstream.conftest import LEGACY, Caller, modern, rpc
from tests.support.raw_upstream import EVENTS_HEAD, LAST_CHUNK, chunk, event, http, json_answer


@pytest.mark.parametrize("wire", ["legacy", "2026-07-28"])
async def test_a_call_and_its_json_answer_pass_byte_by_byte(upstream, guard, caller, wire):
    body, headers = (rpc("tools/call", {"name": "a"}), LEGACY)
    if wire != "legacy":
        body, headers = modern("tools/call", {"name": "a"})
    spelled = json.dumps(body, indent=3).encode() + b"\n"
    answered = b'{ "jsonrpc":"2.0",\n "id": 1, "result": {"\\u0061": 1.0} }'

    async def answer(_request, writer):
        writer.write(http("200 OK", answered, "Content-Type: application/json; charset=utf-8"))

    upstream.answer = answer
    async with guard.session.post(
        guard.url, data=spelled, headers={**headers, **caller.credential, "Content-Type": "application/json"}
    ) as response:
        assert (response.status, await response.read()) == (200, answered)
        assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    [request] = upstream.requests
    assert request.line == "POST /mcp HTTP/1.1"
    assert request.body == spelled
    assert request.headers["content-length"] == str(len(spelled))
    assert request.headers.get("mcp-name") == (None if wire == "legacy" else "a")


@pytest.mark.parametrize("wire", ["legacy", "2026-07-28"])
async def test_events_arrive_while_the_server_still_works_and_unchanged(upstream, caller, wire):
    go_on = asyncio.Event()
    first, second = b": hello\r\nid: 7\nevent: message\ndata: {}\n\n", event({"id": 1})

    async def answer(_request, writer):
        writer.write(EVENTS_HEAD + chunk(first))
        await go_on.wait()
        writer.write(chunk(second) + LAST_CHUNK)

    upstream.answer = answer
    async with asyncio.timeout(10), caller.call(wire=wire) as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        assert response.headers["Cache-Control"] == "no-cache, no-transform"
        assert response.headers["X-Accel-Buffering"] == "no"
        assert response.headers["X-Request-Id"]
        assert await response.content.readexactly(len(first)) == first
        go_on.set()
        assert await response.read() == second


async def test_the_head_of_a_stream_is_sent_before_its_first_event(upstream, caller):
    """Clients wait for it before they go on."""

    async def answer(request, writer):
        writer.write(EVENTS_HEAD)
        await request.left.wait()

    upstream.answer = answer
    async with asyncio.timeout(10), caller.get() as response:
        assert response.status == 200


async def test_a_get_stream_passes_with_the_id_of_the_last_event(upstream, caller):
    async def answer(_request, writer):
        writer.write(EVENTS_HEAD + chunk(event({"method": "notifications/message"})) + LAST_CHUNK)

    upstream.answer = answer
    async with caller.get({"Last-Event-ID": "stream-7/event-12"}) as response:
        assert b"notifications/message" in await response.read()
    [request] = upstream.requests
    assert request.line == "GET /mcp HTTP/1.1"
    assert request.headers["last-event-id"] == "stream-7/event-12"


async def test_the_answer_of_a_client_to_a_request_of_the_server_passes(upstream, caller):
    async with caller.post({"jsonrpc": "2.0", "id": 9, "result": {"action": "accept"}}) as response:
        assert response.status == 200
    assert json.loads(upstream.requests[0].body)["result"] == {"action": "accept"}


async def test_a_notification_is_accepted_without_a_body(upstream, caller):
    async with caller.post({"jsonrpc": "2.0", "method": "notifications/initialized"}) as response:
        assert (response.status, await response.read()) == (202, b"")


async def test_a_delete_passes(upstream, caller):
    upstream.answer = lambda _request, writer: _write(writer, http("204 No Content", length=False))
    async with caller.delete() as response:
        assert (response.status, await response.read()) == (204, b"")
    assert upstream.requests[0].line == "DELETE /mcp HTTP/1.1"


async def _write(writer, data):
    writer.write(data)


@pytest.mark.parametrize("path", ["/mcp?x=1&access=2", "/mcp/?y", "/mcp/"])
async def test_path_and_query_are_those_of_the_configured_url(make_guard, upstream, path):
    service = await make_guard(upstream=f"{upstream.url}?kept=%2f..%20")
    caller = Caller(service)
    async with service.session.post(
        f"{service.root}{path}", json=rpc("tools/list"), headers={**LEGACY, **caller.credential}
    ) as response:
        assert response.status == 200
    assert upstream.requests[0].line == "POST /mcp?kept=%2f..%20 HTTP/1.1"


@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "429 Too Many Requests", "500 Oh", "503 Later"])
async def test_statuses_and_errors_of_the_server_pass(upstream, caller, status):
    """Clients negotiate revisions by 400, and begin a new session at 404."""
    error = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32022, "message": "unsupported version"}}
    upstream.answer = lambda _request, writer: _write(writer, json_answer(error, "Retry-After: 7", status=status))
    async with caller.call() as response:
        assert response.status == int(status[:3])
        assert await response.json() == error
        assert response.headers["Retry-After"] == "7"


async def test_a_server_without_streams_says_so(upstream, caller):
    """A client takes 405 for what it is, and another status for a fault or a lost session."""
    upstream.answer = lambda _request, writer: _write(
        writer, http("405 Method Not Allowed", b"<html>", "Content-Type: text/html", "Allow: POST")
    )
    async with caller.get() as response:
        assert (response.status, response.headers["Allow"], await response.read()) == (405, "POST", b"")


@pytest.mark.parametrize("how", ["before an answer", "within events", "within a body"])
async def test_a_client_that_leaves_ends_the_request_at_the_server_at_once(upstream, guard, caller, how):
    async def answer(request, writer):
        if how == "within events":
            writer.write(EVENTS_HEAD + chunk(event({})))
        elif how == "within a body":
            writer.write(http("200 OK", b" " * 100_000, "Content-Type: application/json")[:90_000])
        await request.left.wait()

    upstream.answer = answer
    received = asyncio.Event()

    async def read():
        async with caller.call() as response:
            await response.content.readany()
            received.set()
            await response.read()

    going = asyncio.create_task(read())
    request = await upstream.until(1)
    async with asyncio.timeout(10):
        if how != "before an answer":
            await received.wait()
        going.cancel()
        await asyncio.gather(going, return_exceptions=True)
        await request.left.wait()


@pytest.fixture
def short_patience(monkeypatch):
    monkeypatch.setattr("shared.http.server.UNREAD_ANSWER_SECONDS", 0.2)


@pytest.fixture
async def endless(upstream, guard, caller):
    """A stream without end, whose client reads nothing: how much the server could write."""
    written = [0]

    async def answer(_request, writer):
        writer.write(EVENTS_HEAD)
        while True:
            writer.write(chunk(b":" + b" " * 65_533 + b"\n\n"))
            await writer.drain()
            written[0] += 65_536

    upstream.answer = answer
    _, writer = await asyncio.open_connection("127.0.0.1", guard.port, limit=1024)
    writer.write(
        b"GET /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nAuthorization: "
        + caller.credential["Authorization"].encode()
        + b"\r\n\r\n"
    )
    await upstream.until(1)
    yield written
    writer.transport.abort()


async def test_nothing_more_is_read_from_the_server_while_the_client_does_not_read(endless):
    before = -1
    async with asyncio.timeout(20):
        while endless[0] != before:
            # Until nothing moves any more: the buffers of the machine are full.
            before = endless[0]
            await asyncio.sleep(0.3)
    assert endless[0] > 0


async def test_a_client_that_reads_nothing_for_long_ends_the_request_at_the_server(short_patience, endless, upstream):
    async with asyncio.timeout(20):
        await upstream.requests[0].left.wait()


@pytest.mark.parametrize("between", [True, False])
async def test_a_quiet_stream_gets_comments_between_its_events_only(upstream, caller, monkeypatch, between):
    monkeypatch.setattr("mcp_service.servers.http_upstream.relay.QUIET_SECONDS", 0.01)
    go_on = asyncio.Event()
    first, rest = (event({"a": 1}), b"") if between else (b"data: {", b"}\n\n")

    async def answer(_request, writer):
        writer.write(EVENTS_HEAD + chunk(first))
        await go_on.wait()
        writer.write(chunk(rest + event({"b": 2})) + LAST_CHUNK)

    upstream.answer = answer
    async with asyncio.timeout(10), caller.get() as response:
        received = await response.content.readexactly(len(first))
        if between:
            received += await response.content.readexactly(6)
            assert received == first + b":\n\n:\n\n"
        else:
            await asyncio.sleep(0.1)
        go_on.set()
        received += await response.read()
    assert received.replace(b":\n\n", b"") == first + rest + event({"b": 2})
    assert (b":\n\n" in received) is between
