"""A store that could lose grants is told of at the start, with a clear word."""

import pytest
import structlog

from auth_service.storage.durability import risks_of, warn_of_risks
from shared.store import SingleStore


@pytest.fixture
async def carelessly_set(store):
    """Sets one setting of the real store for a test, and puts it back."""
    before = {}

    async def set_to(name, value):
        before.setdefault(name, (await store.command("CONFIG", "GET", name))[name])
        await store.command("CONFIG", "SET", name, value)

    yield set_to
    for name, value in before.items():
        await store.command("CONFIG", "SET", name, value)


async def test_a_durable_store_that_does_not_evict_is_no_risk(store):
    assert await risks_of(store) == []


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [("maxmemory-policy", "allkeys-lru", "noeviction"), ("appendonly", "no", "appendonly yes")],
)
async def test_each_risk_is_logged_with_what_to_set(store, carelessly_set, name, value, word):
    await carelessly_set(name, value)
    with structlog.testing.capture_logs() as lines:
        await warn_of_risks(store, structlog.get_logger())
    (line,) = [line for line in lines if line["event"] == "store_at_risk"]
    assert line["log_level"] == "warning"
    assert word in line["risk"]


async def test_a_store_that_is_away_does_not_keep_the_service_from_starting(tmp_path):
    away = SingleStore(f"unix://{tmp_path}/nobody.sock")
    with structlog.testing.capture_logs() as lines:
        await warn_of_risks(away, structlog.get_logger())
    assert lines == []
    await away.close()
