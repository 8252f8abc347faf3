"""What a call costs is the processor time of the process that limits the rate."""

import asyncio

import pytest

from tests.benchmarks import tool_calls
from tests.benchmarks.tool_calls import Callers, exchange


async def test_of_several_processes_the_one_that_needs_most_counts(monkeypatch):
    used = {1: 10.0, 2: 20.0}
    callers = Callers(0, 1, 2)

    async def make(calls):
        used[1] += 0.3 * len(calls)
        used[2] += 0.1 * len(calls)

    monkeypatch.setattr(callers, "make", make)
    monkeypatch.setattr(tool_calls, "processor_seconds", used.__getitem__)
    assert await callers.cost([b"", b""]) == pytest.approx(0.3)


async def test_an_answer_is_read_to_its_end_whether_it_has_a_length_or_is_a_stream():
    plain = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    stream = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\ndata: 0\n\r\n0\r\n\r\n"

    async def answer(reader, writer):
        for sent in (stream, plain):
            await reader.readexactly(1)
            writer.write(sent)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    connection = await asyncio.open_connection(*server.sockets[0].getsockname())
    assert await exchange(*connection, b"?") == (200, b"8\r\ndata: 0\n\r\n0\r\n\r\n")
    assert await exchange(*connection, b"?") == (200, b"ok")
    connection[1].close()
    server.close()
    await server.wait_closed()
