"""`grants renew-lists`, after a restore."""

import asyncio

import pytest

from auth_service.status_lists.identifiers import MAX_LISTS, OPEN_LISTS, status_key
from auth_service.status_lists.repository import StatusListRepository
from shared.redis.single import SingleRedisClient


@pytest.fixture
def registry(environment):
    """Reads the registry of the lists, after `work`, if any, with the repository and the store."""

    def read(work=None):
        async def in_store():
            store = SingleRedisClient(environment["AUTH_REDIS_URL"])
            try:
                repository = StatusListRepository(store)
                if work is not None:
                    await work(repository, store)
                return await repository.registry()
            finally:
                await store.close()

        return asyncio.run(in_store())

    return read


async def opened(repository, store):
    await repository.ensure_open()
    await store.command("HSET", status_key("unlisted"), "until", 1)


@pytest.mark.invariant(12)
def test_it_closes_every_list_also_one_that_the_registry_has_lost_and_opens_others(commands, registry):
    before = registry(opened)
    assert commands.json("grants", "renew-lists") == {"closed": OPEN_LISTS}
    after = registry()
    assert {after[name] for name in [*before, "unlisted"]}.isdisjoint({"open"})
    assert [*after.values()].count("open") == OPEN_LISTS
    assert len(after) == 2 * OPEN_LISTS + 1


def test_it_closes_none_when_verifiers_could_not_hold_the_new_ones(commands, registry):
    async def many(repository, _store):
        for _ in range(MAX_LISTS // OPEN_LISTS):
            await repository.renew(now_ms=1)

    before = registry(many)
    refused = commands.run("grants", "renew-lists")
    assert refused.exit_code == 1
    assert "Restart every mcp_service" in refused.output
    assert registry() == before
    assert (len(before), [*before.values()].count("open")) == (MAX_LISTS, OPEN_LISTS)
