"""The client of the benchmark counts what the server has sent, and counts no refused stream as open."""

import asyncio

import pytest

from tests.benchmarks.behind_guard.event_streams import EventReaders, IdleStreams, unchunked
from tests.benchmarks.child_process import child_process


def test_a_body_is_read_across_the_borders_of_its_chunks():
    assert unchunked(b"3\r\nabc\r\nA\r\ndefghijklm\r\n0\r\n\r\n") == b"abcdefghijklm"


async def test_every_event_of_an_answer_and_of_an_open_stream_is_waited_for():
    async with child_process("behind_guard.bare_server") as server:
        async with EventReaders(server.port, server.pid, token="t", events=7) as readers:
            await readers.read(2)
            assert await readers.cost(2) > 0
        streams = IdleStreams(server.port, "t")
        await streams.open(5, at_once=2)
        await streams.event_to_all()
        streams.close()


async def test_a_refused_stream_fails_the_figure():
    async def refuse(_reader, writer):
        writer.write(b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    streams = IdleStreams(server.sockets[0].getsockname()[1], "t")
    with pytest.raises(AssertionError, match="429"):
        await streams.open(1)
    server.close()
    await server.wait_closed()
