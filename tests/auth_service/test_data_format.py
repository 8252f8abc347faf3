"""Data of another format is refused with a message, and never misread."""

import pytest

from auth_service.data_format import NUMBER, UnreadableData, check_data_format
from tests.support.auth_server import USERNAME

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
