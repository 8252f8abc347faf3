"""The service warns by itself of a clock that differs from that of Redis."""

import asyncio
from typing import Any

import structlog
from prometheus_client import CollectorRegistry

from auth_service.http.redis_clock import RedisClockCheck
from shared.clock_skew import ClockSkew
from tests.support.supervisor import new_supervisor


async def test_a_replica_whose_clock_is_ahead_warns_when_it_starts(start_auth, monkeypatch):
    checked, check = asyncio.Event(), RedisClockCheck.check

    async def check_and_tell(self):
        await check(self)
        checked.set()

    monkeypatch.setattr(RedisClockCheck, "check", check_and_tell)
    ahead = await start_auth(ahead=60)
    async with asyncio.timeout(10):
        await checked.wait()
    (warning,) = [line for line in ahead.logs if line["event"] == "clock_skew"]
    assert (warning["log_level"], warning["reference"], round(warning["seconds"])) == ("warning", "redis", 60)
    assert "sallyport_clock_skew_seconds " in (await ahead.get("/metrics")).text


class Drifting:
    """Its clock loses ten seconds from one answer to the next."""

    def __init__(self):
        self.time = 1000
        self.answered_twice = asyncio.Event()

    async def command_on_primaries(self, *_args):
        self.time -= 10
        if self.time == 980:
            self.answered_twice.set()
        return [(self.time, 0)]


async def test_the_comparison_is_repeated():
    redis: Any = Drifting()
    registry = CollectorRegistry()
    skew = ClockSkew(registry, structlog.get_logger(), reference="redis", clock=lambda: 1000.0)
    check = RedisClockCheck(redis, skew, interval_seconds=0)
    await check.start(new_supervisor())
    async with asyncio.timeout(10):
        await redis.answered_twice.wait()
    await check.stop()
    measured = registry.get_sample_value("sallyport_clock_skew_seconds")
    assert measured is not None
    assert measured >= 10
