"""Several connections to one real store, as several replicas would have."""

import pytest

from shared.redis.topology import open_store


@pytest.fixture
async def stores(store_url, store):
    opened = [open_store(store_url, connections=4) for _ in range(8)]
    yield opened
    for one in opened:
        await one.close()
