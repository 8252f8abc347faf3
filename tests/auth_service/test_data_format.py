"""Data of another format is refused with a message, and never misread."""

import pytest
import structlog
from prometheus_client import CollectorRegistry

from auth_service.data_format import NUMBER, UnreadableData, check_data_format
from auth_service.http import readiness
from auth_service.http.readiness import DataFormatCheck
from shared.background import TaskSupervisor
from shared.http.health import Readiness
from tests.support.auth_server import USERNAME
from tests.support.faulty_redis import FaultyRedis, RedisFault

pytestmark = pytest.mark.store

KEY = "sp:{data}:format"


async def test_an_empty_store_gets_the_number_and_keeps_it(store):
    for _ in range(2):
        await check_data_format(store)
    assert await store.command("GET", KEY) == str(NUMBER)
    assert await store.command("TTL", KEY) == -1


@pytest.mark.parametrize("number", [NUMBER + 1, NUMBER - 1, "x"])
async def test_another_number_is_refused_and_named(store, number):
    await store.command("SET", KEY, number)
    with pytest.raises(UnreadableData, match=f"has format {number}; this version reads format {NUMBER}"):
        await check_data_format(store)
    assert await store.command("GET", KEY) == str(number)


async def test_data_without_a_number_is_refused_and_gets_none(store):
    await store.command("HSET", "sp:{users}:names", USERNAME, "subject")
    with pytest.raises(UnreadableData, match="before formats had numbers"):
        await check_data_format(store)
    assert await store.command("GET", KEY) is None


async def test_the_service_does_not_start_on_data_of_another_format(store, start_auth):
    await store.command("SET", KEY, NUMBER + 1)
    with pytest.raises(UnreadableData):
        await start_auth()
    assert await store.command("EXISTS", "sp:{keys}:ring") == 0


async def test_a_replica_that_finds_another_format_later_is_not_ready(single_store_url, monkeypatch):
    monkeypatch.setattr(readiness, "INTERVAL_SECONDS", 0.01)
    async with FaultyRedis(single_store_url) as proxy:
        redis = proxy.connect()
        await redis.command("SET", KEY, NUMBER + 1)
        proxy.fault = RedisFault.HANG_UP
        check = DataFormatCheck(redis, structlog.get_logger())
        await check.start(TaskSupervisor(CollectorRegistry(), structlog.get_logger()))
        assert (await check.readiness()).ready
        proxy.fault = RedisFault.NONE
        assert check._task is not None
        await check._task
        await redis.close()
    assert await check.readiness() == Readiness(ready=False, note="data_format", impaired=True)
