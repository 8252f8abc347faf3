"""The cost of a call is the processor time of the process that limits the rate."""

import asyncio

import pytest

from tests.benchmarks import callers
from tests.benchmarks.callers import Callers, Connection, parse_answer


async def test_the_process_that_needs_most_counts(monkeypatch):
    used = {1: 10.0, 2: 20.0}
    calling = Callers(0, 1, 2)

    async def make(calls):
        used[1] += 0.3 * len(calls)
        used[2] += 0.1 * len(calls)

    monkeypatch.setattr(calling, "make", make)
    monkeypatch.setattr(callers, "processor_seconds", used.__getitem__)
    assert await calling.cost([b"", b""]) == pytest.approx(0.3)


def test_an_answer_is_complete_at_its_length_or_with_its_last_chunk():
    plain = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    stream = b"HTTP/1.1 401 Unauthorized\r\nTransfer-Encoding: chunked\r\n\r\n8\r\ndata: 0\n\r\n0\r\n\r\n"
    assert parse_answer(plain) == (200, b"ok")
    assert parse_answer(stream) == (401, b"8\r\ndata: 0\n\r\n0\r\n\r\n")
    for answer in (plain, stream):
        assert not any(parse_answer(answer[:length]) for length in range(len(answer)))


async def test_a_request_on_a_connection_that_has_ended_fails():
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    connection = await Connection.open(server.sockets[0].getsockname()[1])
    for _ in range(2):
        with pytest.raises(ConnectionResetError):
            await connection.ask(b"?")
    server.close()
    await server.wait_closed()
