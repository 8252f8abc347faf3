"""Callers that are cancelled in the middle of a command: no other caller gets the answer meant for them.

A connection whose answer was not read must not go back to the pool: a request is cancelled when its client disconnects,
and the record of one user must not reach the page of another (backstop for redis-py).
"""

import asyncio
import random

import pytest

from auth_service.grants.record import PROLOGUE
from shared.redis.client import load_script
from shared.redis.topology import open_redis_client

pytestmark = pytest.mark.store

ECHO = load_script("auth_service.grants", "end_grant", prologue=PROLOGUE)


@pytest.fixture
async def narrow(store_url):
    """Few connections, so that every one is shared."""
    opened = open_redis_client(store_url, connections=2)
    yield opened
    await opened.close()


async def _fill(store):
    for n in range(50):
        await store.command("SET", f"sp:{{{n}}}:x", str(n))


async def _leave_at_random(work, seed):
    chance = random.Random(seed)
    task = asyncio.ensure_future(work)
    for _ in range(chance.randrange(8)):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("kind", ["command", "pipeline", "script"])
async def test_answers_never_reach_another_caller(narrow, kind):
    await _fill(narrow)

    async def read(n):
        if kind == "pipeline":
            return (await narrow.pipeline([("GET", f"sp:{{{n}}}:x"), ("GET", f"sp:{{{n}}}:x")]))[1]
        if kind == "script":
            await narrow.run(ECHO, [f"sp:{{{n}}}:g"], [1, "x", 1])
        return await narrow.command("GET", f"sp:{{{n}}}:x")

    for turn in range(120):
        leaving = [_leave_at_random(read(n), turn * 100 + n) for n in range(6)]
        staying = [read(n) for n in range(10, 20)]
        answers = await asyncio.gather(*leaving, *staying)
        assert answers[6:] == [str(n) for n in range(10, 20)]
