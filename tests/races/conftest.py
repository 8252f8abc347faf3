"""Several connections to one real store, as several replicas would have."""

import pytest

from shared.redis.topology import open_redis_client


@pytest.fixture
async def stores(store_url, store):
    opened = [open_redis_client(store_url, timeout_seconds=10, connections=4) for _ in range(8)]
    yield opened
    for one in opened:
        await one.close()
