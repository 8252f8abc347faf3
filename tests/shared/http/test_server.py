"""Deadlines and bounds of one connection, on a real socket."""

import asyncio
import time
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from shared.http import server
from shared.http.connections import CONNECTIONS, ConnectionMetrics, ConnectionTable, counted_as_authenticated
from tests.support.service_server import ServiceServer

QUICK = b"GET /quick HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /quick HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"


class Served:
    """A server with one quick answer, one slow and one long."""

    def __init__(self, *, client_max_size=1 << 20):
        self.registry = CollectorRegistry()
        self.finish = asyncio.Event()
        self.reading = asyncio.Event()
        app = web.Application(client_max_size=client_max_size)
        self.table = app[CONNECTIONS] = ConnectionTable(max_per_network=2, metrics=ConnectionMetrics(self.registry))
        app.add_routes([web.route("*", "/quick", self.quick), web.get("/long", self.long), web.get("/fail", self.fail)])
        app.add_routes([web.post("/length", self.length)])
        app.add_routes([web.get("/slow", self.slow), web.get("/stream", self.stream)])
        self.server = ServiceServer(app)

    async def quick(self, _request):
        return web.Response(text="quick")

    async def length(self, request):
        self.reading.set()
        return web.Response(text=f"read {len(await request.read())} bytes")

    async def slow(self, _request):
        await self.finish.wait()
        return web.Response(text="slow")

    async def stream(self, request):
        with counted_as_authenticated(request):
            await self.finish.wait()
        return web.Response(text="stream")

    async def long(self, _request):
        return web.Response(body=bytes(1 << 26))

    async def fail(self, _request):
        raise ValueError("a secret")

    @asynccontextmanager
    async def connected(self, *, limit=65_536):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port, limit=limit)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    def ended(self, reason):
        return self.registry.get_sample_value("sallyport_http_connections_ended_total", {"reason": reason})


@pytest.fixture
async def served():
    running = Served()
    async with running.server:
        yield running
        running.finish.set()


async def end_of(reader):
    """Seconds until the server closes, and the bytes that it sent until then."""
    started = time.monotonic()
    got = b""
    async with asyncio.timeout(10):
        try:
            while more := await reader.read(65_536):
                got += more
        except ConnectionError:
            pass
    return time.monotonic() - started, got


@pytest.mark.parametrize("sent", [b"", b"GET /qui", QUICK[:-2]])
async def test_the_first_head_must_be_there_in_time(served, monkeypatch, sent):
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.3)
    async with served.connected() as (reader, writer):
        writer.write(sent)
        seconds, got = await end_of(reader)
    assert 0.2 < seconds < 5
    assert not got
    assert served.ended("head_time") == 1


async def test_a_head_that_arrives_byte_by_byte_gets_no_more_time(served, monkeypatch):
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.3)

    async def drip(writer):
        for byte in QUICK:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.05)

    async with served.connected() as (reader, writer):
        dripping = asyncio.create_task(drip(writer))
        _, got = await end_of(reader)
        dripping.cancel()
    assert not got


async def test_a_kept_connection_has_longer_and_then_ends_too(served, monkeypatch):
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(server, "KEEPALIVE_SECONDS", 0.8)
    async with served.connected() as (reader, writer):
        writer.write(QUICK)
        await reader.readuntil(b"quick")
        await asyncio.sleep(0.5)
        writer.write(QUICK)
        await reader.readuntil(b"quick")
        writer.write(QUICK[:-2])
        seconds, _ = await end_of(reader)
    assert 0.5 < seconds < 5


async def test_a_slow_answer_is_not_cut_off(served, monkeypatch):
    for deadline in ("HEAD_SECONDS", "KEEPALIVE_SECONDS", "UNREAD_ANSWER_SECONDS"):
        monkeypatch.setattr(server, deadline, 0.2)
    async with served.connected() as (reader, writer):
        writer.write(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        await asyncio.sleep(0.6)
        served.finish.set()
        await asyncio.wait_for(reader.readuntil(b"slow"), 5)


async def test_an_answer_that_is_not_read_ends_the_connection(served, monkeypatch):
    monkeypatch.setattr(server, "UNREAD_ANSWER_SECONDS", 0.3)
    async with served.connected(limit=1024) as (_, writer):
        writer.write(b"GET /long HTTP/1.1\r\nHost: a\r\n\r\n")
        async with asyncio.timeout(10):
            while not served.ended("answer_unread"):  # noqa: ASYNC110 - a metric has no event for a change
                await asyncio.sleep(0.05)


async def test_an_answer_that_is_read_slowly_arrives_whole(served, monkeypatch):
    monkeypatch.setattr(server, "UNREAD_ANSWER_SECONDS", 0.5)
    async with served.connected(limit=1 << 20) as (reader, writer):
        writer.write(b"GET /long HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        got = 0
        while more := await reader.read(4 << 20):
            got += len(more)
            await asyncio.sleep(0.02)
    assert got > 1 << 26


async def test_a_head_of_many_long_headers_ends_the_connection(served):
    async with served.connected() as (reader, writer):
        writer.write(QUICK[:-2] + b"".join(b"X-%d: %s\r\n" % (n, b"x" * 10_000) for n in range(20)))
        await end_of(reader)
    assert served.ended("head_size") == 1


async def test_a_head_that_follows_a_request_in_progress_is_bounded_too(served):
    async with served.connected() as (reader, writer):
        writer.write(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        writer.write(QUICK[:-2] + b"".join(b"X-%d: %s\r\n" % (n, b"x" * 10_000) for n in range(20)))
        await end_of(reader)
    assert served.ended("head_size") == 1


async def test_the_rest_of_an_unread_body_is_dropped_and_the_answer_arrives(served):
    async with served.connected() as (reader, writer):
        writer.write(POST % 200_000 + bytes(200_000) + QUICK)
        for _ in range(2):
            await asyncio.wait_for(reader.readuntil(b"quick"), 5)


async def test_a_request_that_arrives_with_the_rest_of_an_unread_body_is_answered(monkeypatch):
    monkeypatch.setattr(server, "UNWANTED_BODY_BYTES", 60_000)
    served = Served(client_max_size=1000)
    async with served.server, served.connected() as (reader, writer):
        writer.write(POST % 60_000)
        await asyncio.wait_for(reader.readuntil(b"quick"), 5)
        writer.write(bytes(60_000) + POST % 3000 + bytes(3000))
        await asyncio.wait_for(reader.readuntil(b"quick"), 5)


async def test_a_body_that_arrives_in_large_parts_is_read_whole(served):
    async with served.connected() as (reader, writer):
        writer.write(b"POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 200001\r\n\r\n" + bytes(1))
        await asyncio.wait_for(served.reading.wait(), 5)
        writer.write(bytes(200_000))
        await asyncio.wait_for(reader.readuntil(b"read 200001 bytes"), 5)


@pytest.mark.parametrize("sent", [b"", bytes(100)])
async def test_a_rest_that_does_not_come_ends_the_connection(served, monkeypatch, sent):
    monkeypatch.setattr(server, "UNWANTED_BODY_SECONDS", 0.3)
    async with served.connected() as (reader, writer):
        writer.write(POST % 1000 + sent)
        seconds, got = await end_of(reader)
    assert got.endswith(b"quick")
    assert seconds < 5


async def test_a_rest_that_is_too_long_ends_the_connection(served):
    async with served.connected() as (reader, writer):
        writer.write(POST % (1 << 26))
        await asyncio.wait_for(reader.readuntil(b"quick"), 5)
        writer.write(bytes(1 << 22))
        await end_of(reader)
    assert served.ended("body_unwanted") == 1


async def test_the_connection_that_waits_longest_makes_room_and_a_request_in_progress_stays(served):
    async with served.connected() as (busy, writer), served.connected() as (idle, _):
        writer.write(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        await asyncio.sleep(0.2)
        async with served.connected() as (new, asking):
            asking.write(QUICK)
            await asyncio.wait_for(new.readuntil(b"quick"), 5)
        await end_of(idle)
        served.finish.set()
        await asyncio.wait_for(busy.readuntil(b"slow"), 5)


async def test_an_incomplete_body_is_no_request_in_progress(served):
    async with served.connected() as (_, first), served.connected() as (_, second):
        for writer in (first, second):
            writer.write(b"GET /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nx")
        await asyncio.sleep(0.2)
        async with served.connected() as (new, asking):
            asking.write(QUICK)
            await asyncio.wait_for(new.readuntil(b"quick"), 5)
    assert served.ended("network") == 1


async def test_authenticated_requests_leave_room_for_others(served):
    async with served.connected() as (one, first), served.connected() as (_, second):
        for writer in (first, second):
            writer.write(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
        await asyncio.sleep(0.2)
        async with served.connected() as (new, asking), served.connected() as (_, another):
            for writer in (asking, another):
                writer.write(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
            await asyncio.sleep(0.2)
            async with served.connected() as (refused, _):
                await end_of(refused)
            served.finish.set()
            await asyncio.wait_for(new.readuntil(b"slow"), 5)
            await asyncio.wait_for(one.readuntil(b"stream"), 5)
    assert served.ended("network_full") == 1


async def test_an_exception_that_no_middleware_catches_is_ours_and_says_nothing(served):
    async with served.connected() as (reader, writer):
        writer.write(b"GET /fail HTTP/1.1\r\nHost: a\r\n\r\n")
        _, got = await end_of(reader)
    assert got.startswith(b"HTTP/1.1 503 ")
    assert b"X-Request-Id: " in got
    assert b"secret" not in got
    assert b"ValueError" not in got
