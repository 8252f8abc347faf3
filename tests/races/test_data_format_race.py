"""Replicas that start at once on an empty store."""

import asyncio

import pytest

from auth_service.data_format import NUMBER, check_data_format

pytestmark = pytest.mark.store


async def test_replicas_that_start_at_once_all_start(stores):
    async def start(store):
        await check_data_format(store)
        await store.command("HSET", "sp:{users}:names", "ada", "subject")

    await asyncio.gather(*(start(store) for store in stores for _ in range(5)))
    assert await stores[0].command("GET", "sp:{data}:format") == str(NUMBER)
