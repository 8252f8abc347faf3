"""Batched scripts: each caller gets its own answer or its own error."""

import asyncio
import uuid

import pytest

from shared.errors import RedisUnavailable
from shared.redis.client import Script
from shared.redis.single import SingleRedisClient

pytestmark = pytest.mark.store

ECHO = Script("echo", "return ARGV[1]")
REFUSE = Script("refuse", "return redis.error_reply('NO ' .. ARGV[1])")


async def test_each_caller_gets_its_own_answer(store):
    answers = await asyncio.gather(*(store.run(ECHO, [], [str(n)]) for n in range(500)))

    assert answers == [str(n) for n in range(500)]


async def test_an_error_reaches_the_caller_that_caused_it_and_no_other(store):
    outcomes = await asyncio.gather(
        *(store.run(REFUSE if n == 3 else ECHO, [], [str(n)]) for n in range(6)), return_exceptions=True
    )

    assert isinstance(outcomes[3], RedisUnavailable)
    assert [o for n, o in enumerate(outcomes) if n != 3] == ["0", "1", "2", "4", "5"]


async def test_every_script_of_a_batch_runs_once_although_the_server_did_not_know_it(store):
    unheard = Script("count", f"-- {uuid.uuid4()}\nreturn redis.call('INCR', KEYS[1])")
    await asyncio.gather(*(store.run(unheard, ["sp:{n}:count"], []) for _ in range(50)))

    assert await store.command("GET", "sp:{n}:count") == "50"


async def test_a_cancelled_caller_does_not_disturb_the_others(store):
    calls = [asyncio.ensure_future(store.run(ECHO, [], [str(n)])) for n in range(10)]
    await asyncio.sleep(0)
    calls[4].cancel()
    answers = await asyncio.gather(*calls, return_exceptions=True)

    assert isinstance(answers[4], asyncio.CancelledError)
    assert [a for n, a in enumerate(answers) if n != 4] == [str(n) for n in range(10) if n != 4]


async def test_an_unreachable_server_is_an_error_for_all_callers():
    away = SingleRedisClient("unix:///nonexistent/valkey.sock")
    outcomes = await asyncio.gather(*(away.run(ECHO, [], ["x"]) for _ in range(5)), return_exceptions=True)
    await away.close()

    assert all(isinstance(outcome, RedisUnavailable) for outcome in outcomes)


@pytest.mark.parametrize("value", ["", "ü€\U0001f600", "\r\n$5\r\n", 12345678901234567, 1.5, b"\x00bytes"])
async def test_every_kind_of_argument_arrives_as_it_was(store, value):
    expected = value.decode() if isinstance(value, bytes) else str(value)

    assert await store.run(ECHO, [], [value]) == expected
