"""Who holds which key set, in a real store: bounded, expiring, and never forgetting in the wrong direction."""

import asyncio

import pytest

from auth_service.keys.propagation import HeldSets, ReplicaKeyVersion
from auth_service.keys.propagation_tracker import LEAVING_MS, SHORTEST_LIFE_MS, PropagationTracker
from auth_service.keys.replica_version_repository import ReplicaVersionRepository
from shared.errors import RedisUnavailable
from shared.redis.client import SingleRedisClient
from shared.redis.topology import open_redis_client
from tests.support.supervisor import new_supervisor

pytestmark = pytest.mark.store

NOW = 1_800_000_000_000
KEEP = 1_000_000


class Clock:
    def __init__(self):
        self.now = NOW / 1000

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def replica_versions(store):
    return ReplicaVersionRepository(store, most=3)


@pytest.fixture
def notes(replica_versions, clock):
    return PropagationTracker(replica_versions, propagation_ms=0, clock=clock, most=3)


def holder(name, version=1, seen=NOW, expires=NOW + 1000):
    return ReplicaKeyVersion(name, version, seen, expires)


async def note(replica_versions, *entries, now=NOW, **more):
    await replica_versions.note(entries, now_ms=now, keep_ms=KEEP, **more)


async def test_nothing_is_known_at_first(replica_versions):
    assert await replica_versions.read() == HeldSets()


async def test_what_is_noted_is_read_again(replica_versions):
    await note(replica_versions, holder("a", 4), holder("b:1.2_c", 5), unnamed_ms=NOW - 1, overflow_ms=NOW - 2)
    held = await replica_versions.read()
    assert set(held.replica_versions) == {holder("a", 4), holder("b:1.2_c", 5)}
    assert (held.unnamed_ms, held.overflow_ms) == (NOW - 1, NOW - 2)


async def test_a_later_note_replaces_an_earlier_one_and_never_the_other_way_round(replica_versions):
    await note(replica_versions, holder("a", 4, seen=NOW))
    await note(replica_versions, holder("a", 5, seen=NOW + 1))
    await note(replica_versions, holder("a", 4, seen=NOW))
    assert (await replica_versions.read()).replica_versions == (holder("a", 5, seen=NOW + 1),)


async def test_a_note_without_marks_keeps_the_marks(replica_versions):
    await note(replica_versions, unnamed_ms=NOW, overflow_ms=NOW)
    await note(replica_versions, holder("a"))
    held = await replica_versions.read()
    assert (held.unnamed_ms, held.overflow_ms) == (NOW, NOW)


async def test_what_has_ended_makes_room(replica_versions):
    await note(replica_versions, *(holder(name, expires=NOW + 10) for name in "abc"))
    await note(replica_versions, holder("d", expires=NOW + 1000), now=NOW + 10)
    held = await replica_versions.read()
    assert [entry.replica for entry in held.replica_versions] == ["d"]
    assert held.overflow_ms is None


async def test_more_names_than_there_is_room_for_are_an_overflow_and_the_first_stay(replica_versions):
    """A stranger cannot push a real verifier out, nor be taken for the absence of one (invariant 5)."""
    await note(replica_versions, holder("real"))
    await note(replica_versions, *(holder(f"stranger{n}") for n in range(1000)))
    held = await replica_versions.read()
    assert "real" in {entry.replica for entry in held.replica_versions}
    assert len(held.replica_versions) == 3
    assert held.overflow_ms == NOW


async def test_known_names_are_noted_even_when_there_is_no_room_for_new_ones(replica_versions):
    await note(replica_versions, *(holder(name) for name in "abc"))
    await note(replica_versions, holder("b", 9, seen=NOW + 1))
    held = await replica_versions.read()
    assert {entry.replica: entry.version for entry in held.replica_versions} == {"a": 1, "b": 9, "c": 1}
    assert held.overflow_ms is None


async def test_everything_ends_after_a_silence(store, replica_versions):
    await note(replica_versions, holder("a"), unnamed_ms=NOW)
    assert 0 < await store.command("PTTL", "sp:{keys}:holders") <= KEEP


async def test_a_process_notes_a_bounded_number_whatever_it_is_told(notes, replica_versions):
    for number in range(10_000):
        notes.holds(f"stranger{number}", 1)
    await notes.write()
    held = await replica_versions.read()
    assert len(held.replica_versions) == 3
    assert held.overflow_ms == NOW


async def test_a_verifier_lives_at_least_as_long_as_it_may_wait(notes, replica_versions):
    notes.holds("a", 1)
    await notes.write()
    (entry,) = (await replica_versions.read()).replica_versions
    assert entry.expires_ms == NOW + SHORTEST_LIFE_MS


async def test_a_verifier_that_left_and_came_back_by_another_replica_counts_as_there(store, replica_versions, clock):
    one, two = (PropagationTracker(replica_versions, propagation_ms=0, clock=clock) for _ in range(2))
    seen = one.holds("a", 1)
    await one.write()
    clock.now += 1
    two.holds("a", 1)
    await two.write()
    one.leaves(seen)
    await one.write()
    (entry,) = (await replica_versions.read()).replica_versions
    assert entry.expires_ms == NOW + 1000 + SHORTEST_LIFE_MS


async def test_a_verifier_that_left_is_counted_a_little_longer(notes, replica_versions, clock):
    seen = notes.holds("a", 1)
    await notes.write()
    clock.now += 1
    notes.leaves(seen)
    await notes.write()
    (entry,) = (await replica_versions.read()).replica_versions
    assert entry.expires_ms == NOW + 1000 + LEAVING_MS


async def test_one_that_left_and_came_back_to_the_same_process_counts_as_there(notes, replica_versions, clock):
    seen = notes.holds("a", 1)
    clock.now += 1
    notes.holds("a", 2)
    notes.leaves(seen)
    await notes.write()
    (entry,) = (await replica_versions.read()).replica_versions
    assert (entry.version, entry.expires_ms) == (2, NOW + 1000 + SHORTEST_LIFE_MS)


async def test_notes_that_could_not_be_written_are_kept_and_written_later(store_url, clock):
    """A forgotten note could be taken for proof."""
    away, back = SingleRedisClient("unix:///nonexistent/valkey.sock"), open_redis_client(store_url)
    notes = PropagationTracker(ReplicaVersionRepository(away), propagation_ms=0, clock=clock, most=2)
    for name in ("a", "b", None):
        notes.holds(name, 1)
    with pytest.raises(RedisUnavailable):
        await notes.write()
    notes._storage = ReplicaVersionRepository(back)
    notes.holds("c", 1)
    await notes.write()
    held = await ReplicaVersionRepository(back).read()
    assert {entry.replica for entry in held.replica_versions} == {"a", "b"}
    assert (held.unnamed_ms, held.overflow_ms) == (NOW, NOW)
    await away.close()
    await back.close()


async def test_notes_are_written_by_themselves(notes, replica_versions, store):
    await notes.start(new_supervisor())
    notes.holds("a", 1)
    async with asyncio.timeout(5):
        while not (await replica_versions.read()).replica_versions:  # noqa: ASYNC110 - the store announces nothing
            await asyncio.sleep(0.01)
    await notes.stop()
