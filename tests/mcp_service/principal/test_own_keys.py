"""The keys of one process: made once, followed, rotated by age, and not used when they may be out of date."""

import asyncio
import json

import pytest
import structlog
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from mcp_service.principal import own_keys
from mcp_service.principal.key_file import KeyFile, KeysUnreadable
from mcp_service.principal.key_lifecycle import OVERLAP_SECONDS, rotated
from mcp_service.principal.key_pairs import new_own_key
from mcp_service.principal.own_keys import MAX_UNCONFIRMED_SECONDS, StoredKeys
from shared.background import TaskSupervisor
from shared.errors import Misconfigured, ServiceUnavailable
from shared.jose.jws import parse_compact_jws

DAY = 86_400


class Time:
    """A clock that a test moves."""

    def __init__(self):
        self.now = 1_800_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Time()


def stored_keys(directory, clock, *, interval=0):
    return StoredKeys(
        directory=directory,
        rotation_interval_seconds=interval,
        log=structlog.get_logger(),
        clock=clock,
        monotonic=clock,
    )


def published(keys):
    return {jwk["kid"] for jwk in json.loads(keys.keys.jwks)["keys"]}


def signing(keys):
    return parse_compact_jws(keys.sign({}, typ="t")).header()["kid"]


async def test_the_first_start_makes_keys_that_the_next_one_finds(tmp_path, clock):
    first, second = stored_keys(tmp_path, clock), stored_keys(tmp_path, clock)
    await first.refresh()
    await second.refresh()
    assert signing(first) == signing(second)
    assert published(first) == published(second)
    assert first.keys.etag == second.keys.etag


async def test_a_replica_follows_a_rotation_of_another(tmp_path, clock):
    keys = stored_keys(tmp_path, clock)
    await keys.refresh()
    before, known = signing(keys), published(keys)
    now = int(clock.now) + OVERLAP_SECONDS
    ring = KeyFile(tmp_path).read()
    assert ring is not None
    KeyFile(tmp_path).change(lambda _: rotated(ring, new_own_key(now=now), now=now))
    await keys.refresh()
    assert signing(keys) != before
    assert signing(keys) in known
    assert before in published(keys)


async def test_a_key_is_rotated_by_age_and_its_predecessor_leaves_when_the_overlap_is_over(tmp_path, clock):
    keys = stored_keys(tmp_path, clock, interval=DAY)
    await keys.refresh()
    first = signing(keys)
    clock.now += DAY - 1
    await keys.refresh()
    assert signing(keys) == first
    clock.now += 1
    await keys.refresh()
    assert signing(keys) != first
    assert first in published(keys)
    clock.now += OVERLAP_SECONDS
    await keys.refresh()
    assert first not in published(keys)


async def test_keys_that_could_not_be_confirmed_for_long_sign_no_more(tmp_path, clock):
    keys = stored_keys(tmp_path, clock)
    await keys.refresh()
    (tmp_path / "upstream-keys.json").write_text("", encoding="utf-8")
    with pytest.raises(KeysUnreadable):
        await keys.refresh()
    clock.now += MAX_UNCONFIRMED_SECONDS
    signing(keys)
    assert (await keys.readiness()).ready
    clock.now += 1
    with pytest.raises(ServiceUnavailable):
        signing(keys)
    assert not (await keys.readiness()).ready
    assert published(keys)


async def test_nothing_is_signed_or_published_before_the_start(tmp_path, clock):
    keys = stored_keys(tmp_path, clock)
    with pytest.raises(ServiceUnavailable):
        signing(keys)
    with pytest.raises(ServiceUnavailable):
        _ = keys.keys


async def test_a_start_without_a_usable_directory_is_refused(tmp_path, clock):
    (tmp_path / "file").write_text("", encoding="utf-8")
    keys = stored_keys(tmp_path / "file", clock)
    with pytest.raises(Misconfigured, match="MCP_STATE_DIR"):
        await keys.start(TaskSupervisor(CollectorRegistry(), structlog.get_logger()))


async def test_the_loop_goes_on_after_a_fault_and_logs_it_once(tmp_path, clock, monkeypatch):
    monkeypatch.setattr(own_keys, "POLL_SECONDS", 0.005)
    keys = stored_keys(tmp_path, clock)
    file, refreshed = tmp_path / "upstream-keys.json", asyncio.Event()
    refresh, faults = keys.refresh, 0

    async def observed():
        nonlocal faults
        try:
            await refresh()
        except KeysUnreadable:
            faults += 1
            if faults == 3:
                file.write_bytes(good)
            raise
        if faults:
            refreshed.set()

    with capture_logs() as logs:
        await keys.start(TaskSupervisor(CollectorRegistry(), structlog.get_logger()))
        good = file.read_bytes()
        monkeypatch.setattr(keys, "refresh", observed)
        file.write_text("", encoding="utf-8")
        await asyncio.wait_for(refreshed.wait(), 10)
        await keys.stop()
    assert [entry["event"] for entry in logs].count("assertion_keys_unreadable") == 1
