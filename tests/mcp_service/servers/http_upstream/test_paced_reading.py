"""What the server sends on a stream that only listens is parsed when it is its turn, whole and in order."""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime

import aiohttp
import pytest

from mcp_service.servers.http_upstream.paced_reading import HELD_BYTES, read_in_turn
from mcp_service.servers.open_streams import StreamEnding
from shared.redis.certificate import ensure_certificate
from tests.support.raw_upstream import EVENTS_HEAD, LAST_CHUNK, RawUpstream, bytes_answer, chunk

CONTENT = b"data: event\n\n"


class Turns:
    """What waits, and the turns of a test."""

    def __init__(self):
        self._waiting: deque[Callable[[], None]] = deque()
        self._came = asyncio.Event()

    def __len__(self):
        return len(self._waiting)

    async def until(self, count):
        """Wait until as much waits."""
        async with asyncio.timeout(10):
            while len(self) < count:
                self._came.clear()
                await self._came.wait()

    def in_turn(self, work):
        self._waiting.append(work)
        self._came.set()

    def make(self):
        self._waiting.popleft()()


class Sent:
    """What the server writes after the head, when the test says so."""

    def __init__(self):
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()

    def __call__(self, data):
        self._queue.put_nowait(data)

    async def answer(self, request, writer):
        writer.write(EVENTS_HEAD)
        while (data := await self._queue.get()) is not None:
            writer.write(data)
        writer.close()


@pytest.fixture
def sent(upstream):
    sent = Sent()
    upstream.answer = sent.answer
    return sent


@pytest.fixture
def turns():
    return Turns()


@pytest.fixture
async def session():
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def stream(session, upstream, sent, turns):
    async with session.get(upstream.url) as answer:
        read_in_turn(answer, turns.in_turn)
        yield answer


async def test_bytes_are_parsed_when_it_is_their_turn(stream, sent, turns):
    sent(chunk(CONTENT))
    await turns.until(1)
    assert stream.content.total_bytes == 0
    turns.make()
    assert await stream.content.readany() == CONTENT


async def test_a_stream_of_notifications_through_the_guard_waits_for_its_turn(caller, sent, turns, monkeypatch):
    monkeypatch.setattr(StreamEnding, "in_turn", lambda _ending, work: turns.in_turn(work))
    async with caller.get() as response:
        sent(chunk(CONTENT))
        await turns.until(1)
        assert response.content.total_bytes == 0
        turns.make()
        assert await response.content.readany() == CONTENT


async def test_the_stream_that_answers_a_call_waits_for_no_turn(caller, sent, turns, monkeypatch):
    monkeypatch.setattr(StreamEnding, "in_turn", lambda _ending, work: turns.in_turn(work))
    async with caller.call() as response:
        sent(chunk(CONTENT))
        assert await response.content.readany() == CONTENT
    assert len(turns) == 0


async def test_a_part_of_a_chunk_waits_with_the_rest_that_comes_after_it(stream, sent, turns):
    whole = chunk(CONTENT)
    sent(whole[:5])
    await turns.until(1)
    sent(whole[5:])
    await asyncio.sleep(0.05)
    assert len(turns) == 1
    turns.make()
    assert await stream.content.readany() == CONTENT


async def test_the_end_of_a_connection_comes_after_the_bytes_before_it(stream, sent, turns):
    sent(chunk(CONTENT) + LAST_CHUNK)
    sent(None)
    await turns.until(2)
    assert not stream.content.is_eof()
    turns.make()
    turns.make()
    assert await stream.content.read() == CONTENT


async def test_a_stream_that_breaks_off_is_not_taken_for_a_whole_one(stream, sent, turns):
    sent(chunk(CONTENT))
    sent(None)
    await turns.until(2)
    turns.make()
    turns.make()
    with pytest.raises(aiohttp.ClientPayloadError):
        await stream.content.read()


async def test_little_is_read_while_much_waits_and_all_of_it_comes(stream, sent, turns):
    """What the kernel holds of it is not read either: the server waits, as it would for a client that does not read."""
    much = b"a" * (HELD_BYTES * 64)
    sent(chunk(much) + LAST_CHUNK)
    await turns.until(1)
    await asyncio.sleep(0.05)
    assert len(turns) == 1
    reading = asyncio.ensure_future(stream.content.read())
    async with asyncio.timeout(10):
        while not reading.done():
            if turns:
                turns.make()
            await asyncio.sleep(0)
    assert reading.result() == much


async def test_bytes_of_a_stream_that_its_reader_has_closed_are_dropped(stream, sent, turns):
    sent(chunk(CONTENT))
    await turns.until(1)
    content = stream.content
    stream.close()
    turns.make()
    assert content.total_bytes == 0


async def test_the_connection_of_a_stream_that_has_ended_is_not_used_again(session, upstream, stream, sent, turns):
    sent(chunk(CONTENT) + LAST_CHUNK)
    await turns.until(1)
    turns.make()
    assert await stream.content.read() == CONTENT
    upstream.answer = bytes_answer(EVENTS_HEAD + LAST_CHUNK)
    async with session.get(upstream.url) as answer:
        assert await answer.read() == b""
    assert upstream.connections == 2


async def test_an_answer_that_came_whole_waits_for_nothing(session, upstream, turns):
    upstream.answer = bytes_answer(EVENTS_HEAD + chunk(CONTENT) + LAST_CHUNK)
    async with session.get(upstream.url) as answer:
        await answer.content.wait_eof()
        read_in_turn(answer, turns.in_turn)
        assert await answer.read() == CONTENT
    assert len(turns) == 0


async def test_bytes_over_tls_are_parsed_when_it_is_their_turn_too(session, sent, turns, tmp_path):
    ensure_certificate(tmp_path, ["localhost"], now=datetime.now(UTC))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "server.pem")
    server = RawUpstream()
    server.answer = sent.answer
    await server.start(tls=tls)
    trusted = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    async with session.get(f"https://localhost:{server.port}/mcp", ssl=trusted) as answer:
        read_in_turn(answer, turns.in_turn)
        sent(chunk(CONTENT) + LAST_CHUNK)
        await turns.until(1)
        assert answer.content.total_bytes == 0
        turns.make()
        assert await answer.content.read() == CONTENT
    await server.stop()
