"""Limits that all replicas share, on a real store."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auth_service.rate_limits.repository import RateLimitRepository
from shared.rates import Rate, decide
from shared.redis.single import SingleRedisClient
from shared.redis.topology import open_redis_client

pytestmark = pytest.mark.store


async def test_exactly_the_burst_passes_at_many_replicas_at_once(store_url):
    stores = [open_redis_client(store_url) for _ in range(4)]
    rate = Rate(requests=1, seconds=60, burst=7)
    decisions = await asyncio.gather(*(RateLimitRepository(stores[i % 4]).hit("test", "key", rate) for i in range(100)))
    assert sum(d.allowed for d in decisions) == 7
    for opened in stores:
        await opened.close()


async def test_keys_and_limits_do_not_share_an_allowance(store):
    limits = RateLimitRepository(store)
    rate = Rate(1, 60, 1)
    assert (await limits.hit("one", "key", rate)).allowed
    assert (await limits.hit("two", "key", rate)).allowed
    assert (await limits.hit("one", "other", rate)).allowed
    assert not (await limits.hit("one", "key", rate)).allowed


async def test_a_key_goes_by_itself_when_the_allowance_is_whole_again(store):
    await RateLimitRepository(store).hit("test", "key", Rate(1, 60, 1))
    (key,) = [key async for page in store.scan("sp:*") for key in page]
    assert 60_000 < await store.command("PTTL", key) <= 61_000


async def test_a_clock_of_the_store_that_was_set_back_refuses_nothing_for_longer_than_two_intervals(store):
    limits, rate = RateLimitRepository(store), Rate(1, 60, 1)
    full = await limits.hit("test", "key", rate)
    for step, allowed in ((30_000, False), (3_600_000, True)):
        await make_older(store, full.arrival_ms, -step)
        assert (await limits.hit("test", "key", rate)).allowed is allowed


async def test_every_key_has_the_same_length(store):
    limits = RateLimitRepository(store)
    for key in ("", "x" * 100_000, "}{", "\ud800"):
        await limits.hit("test", key, Rate(1, 60, 1))
    keys = {key async for page in store.scan("sp:*") for key in page}
    assert len(keys) == 4
    assert len({len(key) for key in keys}) == 1


def test_the_script_and_the_arithmetic_decide_alike(embedded_store):
    async def compare(rate, gaps):
        store = SingleRedisClient(f"{embedded_store.url}?db=14")
        await store.command("FLUSHDB")
        arrival = None
        for gap in gaps:
            # Time passes by making what is stored older; the clock is set back by making it younger.
            arrival = await make_older(store, arrival, gap)
            found = await RateLimitRepository(store).hit("test", "key", rate)
            now = found.arrival_ms - found.reset_ms
            expected = decide(arrival, now, rate)
            assert found == expected
            arrival = expected.arrival_ms
        await store.close()

    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.builds(Rate, st.integers(1, 5), st.integers(60, 3600), st.integers(1, 8)),
        st.lists(st.integers(0, 30_000) | st.integers(-1_000_000, -1), min_size=1, max_size=40),
    )
    def run(rate, gaps):
        asyncio.run(compare(rate, gaps))

    run()


async def make_older(store, arrival, gap):
    keys = [key async for page in store.scan("sp:*") for key in page]
    if arrival is None or not keys:
        return None
    await store.command("SET", keys[0], arrival - gap, "KEEPTTL")
    return arrival - gap
