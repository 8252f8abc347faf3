"""Limits of the script batcher: connections, queue, deadline, cancelled calls (with connections of the test's own)."""

import asyncio
import time
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from shared.redis.single import MAX_CONNECTIONS, MAX_WAITING, ScriptBatcher


class Connection:
    """Answers `OK` to each command, once its gate is open."""

    def __init__(self, server):
        self._server = server
        self.is_connected = False

    async def connect(self):
        await asyncio.sleep(self._server.connect_seconds)
        self.is_connected = True
        self._server.open += 1
        self._server.most_open = max(self._server.most_open, self._server.open)

    async def disconnect(self, nowait=False):  # noqa: FBT002 - the signature is redis-py's
        self._server.open -= self.is_connected
        self.is_connected = False

    async def can_read(self):
        return False

    async def send_packed_command(self, packed, check_health=True):  # noqa: FBT002 - the signature is redis-py's
        self._server.writes.append(packed)

    async def read_response(self, disconnect_on_error=True):  # noqa: FBT002 - the signature is redis-py's
        await self._server.gate.wait()
        return "OK"


class Server:
    def __init__(self):
        self.connect_seconds = 0
        self.open = self.most_open = 0
        self.writes = []
        self.gate = asyncio.Event()
        self.gate.set()


@pytest.fixture
async def server():
    return Server()


@pytest.fixture
async def make(server):
    made = []

    def connect() -> Any:
        return Connection(server)

    def make_one(*, timeout_seconds=5.0):
        batcher = ScriptBatcher(connect, timeout_seconds=timeout_seconds)
        made.append(batcher)
        return batcher

    yield make_one
    for batcher in made:
        await batcher.close()


def call(batcher, *args):
    return asyncio.ensure_future(batcher.execute("PING", *args))


async def test_calls_of_one_turn_are_one_write(make, server):
    batcher = make()
    assert await asyncio.gather(*(call(batcher) for _ in range(100))) == ["OK"] * 100
    assert (len(server.writes), server.most_open) == (1, 1)


async def test_a_batch_whose_callers_have_all_been_cancelled_is_not_sent(make, server):
    batcher = make()
    calls = [call(batcher) for _ in range(3)]
    await asyncio.sleep(0)
    for one in calls:
        one.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    await asyncio.sleep(0.01)
    assert server.writes == []
    assert await call(batcher) == "OK"


async def test_there_are_never_more_connections_than_the_limit_and_no_write_is_empty(make, server):
    batcher = make()
    server.gate.clear()
    calls = []
    for _ in range(3 * MAX_CONNECTIONS):
        calls.append(call(batcher))
        await asyncio.sleep(0.001)
    assert server.most_open == MAX_CONNECTIONS
    # Batches end in the same turn in which new calls arrive.
    for _ in range(200):
        server.gate.set()
        calls += [call(batcher) for _ in range(3)]
        await asyncio.sleep(0)
        calls += [call(batcher) for _ in range(3)]
        server.gate.clear()
        await asyncio.sleep(0)
    server.gate.set()
    assert set(await asyncio.gather(*calls)) == {"OK"}
    assert server.most_open == MAX_CONNECTIONS
    assert b"" not in server.writes


async def test_one_deadline_covers_connecting_and_the_answer(make, server):
    batcher = make(timeout_seconds=1.5)
    server.connect_seconds = 1.2
    server.gate.clear()
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        await call(batcher)
    assert time.monotonic() - began < 2.5, "a deadline for each would be 2.7 s"
    assert server.open == 0


async def test_the_deadline_covers_the_time_in_the_queue(make, server):
    batcher = make(timeout_seconds=1.5)
    server.gate.clear()
    first = []
    for _ in range(MAX_CONNECTIONS):
        first.append(call(batcher))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        await call(batcher)
    assert time.monotonic() - began < 2.8, "a deadline that begins after the queue would be 3 s"
    await asyncio.gather(*first, return_exceptions=True)


async def test_a_full_queue_refuses_at_once(make, server):
    batcher = make(timeout_seconds=60)
    server.gate.clear()
    calls = []
    for _ in range(MAX_CONNECTIONS):
        calls.append(call(batcher))
        await asyncio.sleep(0.001)
    calls += [call(batcher) for _ in range(MAX_WAITING)]
    await asyncio.sleep(0)
    began = time.monotonic()
    with pytest.raises(RedisConnectionError, match="waiting"):
        await call(batcher)
    assert time.monotonic() - began < 30
    server.gate.set()
    assert set(await asyncio.gather(*calls)) == {"OK"}


async def test_an_argument_that_cannot_be_sent_is_an_error_for_its_caller_only(make):
    batcher = make()
    answers = await asyncio.gather(call(batcher), call(batcher, object()), call(batcher), return_exceptions=True)
    assert (answers[0], answers[2]) == ("OK", "OK")
    assert isinstance(answers[1], TypeError)


async def test_closing_ends_every_call_and_leaves_no_connection(make, server):
    batcher = make()
    server.gate.clear()
    calls = []
    for _ in range(2 * MAX_CONNECTIONS):
        calls.append(call(batcher))
        await asyncio.sleep(0.001)
    await batcher.close()
    async with asyncio.timeout(1):
        answers = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(answer) for answer in answers} == {RedisConnectionError}
    assert server.open == 0
    with pytest.raises(RedisConnectionError):
        await call(batcher)
