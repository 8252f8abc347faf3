"""Who holds which key set, in a real store: bounded, expiring, and never forgetting in the wrong direction."""

import asyncio

import pytest

from auth_service.keys.propagation import HeldSets, Holder
from auth_service.keys.propagation_tracker import LEAVING_MS, SHORTEST_LIFE_MS, HolderNotes
from auth_service.keys.replica_version_repository import KeyHolderStorage
from shared.errors import StoreUnavailable
from shared.redis.client import SingleStore
from shared.redis.topology import open_store

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
def holders(store):
    return KeyHolderStorage(store, most=3)


@pytest.fixture
def notes(holders, clock):
    return HolderNotes(holders, propagation_ms=0, clock=clock, most=3)


def holder(name, version=1, seen=NOW, expires=NOW + 1000):
    return Holder(name, version, seen, expires)


async def note(holders, *entries, now=NOW, **more):
    await holders.note(entries, now_ms=now, keep_ms=KEEP, **more)


async def test_nothing_is_known_at_first(holders):
    assert await holders.read() == HeldSets()


async def test_what_is_noted_is_read_again(holders):
    await note(holders, holder("a", 4), holder("b:1.2_c", 5), unnamed_ms=NOW - 1, overflow_ms=NOW - 2)
    held = await holders.read()
    assert set(held.holders) == {holder("a", 4), holder("b:1.2_c", 5)}
    assert (held.unnamed_ms, held.overflow_ms) == (NOW - 1, NOW - 2)


async def test_a_later_note_replaces_an_earlier_one_and_never_the_other_way_round(holders):
    await note(holders, holder("a", 4, seen=NOW))
    await note(holders, holder("a", 5, seen=NOW + 1))
    await note(holders, holder("a", 4, seen=NOW))
    assert (await holders.read()).holders == (holder("a", 5, seen=NOW + 1),)


async def test_a_note_without_marks_keeps_the_marks(holders):
    await note(holders, unnamed_ms=NOW, overflow_ms=NOW)
    await note(holders, holder("a"))
    held = await holders.read()
    assert (held.unnamed_ms, held.overflow_ms) == (NOW, NOW)


async def test_what_has_ended_makes_room(holders):
    await note(holders, *(holder(name, expires=NOW + 10) for name in "abc"))
    await note(holders, holder("d", expires=NOW + 1000), now=NOW + 10)
    held = await holders.read()
    assert [entry.replica for entry in held.holders] == ["d"]
    assert held.overflow_ms is None


async def test_more_names_than_there_is_room_for_are_an_overflow_and_the_first_stay(holders):
    """A stranger cannot push a real verifier out, nor be taken for the absence of one (invariant 5)."""
    await note(holders, holder("real"))
    await note(holders, *(holder(f"stranger{n}") for n in range(1000)))
    held = await holders.read()
    assert "real" in {entry.replica for entry in held.holders}
    assert len(held.holders) == 3
    assert held.overflow_ms == NOW


async def test_known_names_are_noted_even_when_there_is_no_room_for_new_ones(holders):
    await note(holders, *(holder(name) for name in "abc"))
    await note(holders, holder("b", 9, seen=NOW + 1))
    held = await holders.read()
    assert {entry.replica: entry.version for entry in held.holders} == {"a": 1, "b": 9, "c": 1}
    assert held.overflow_ms is None


async def test_everything_ends_after_a_silence(store, holders):
    await note(holders, holder("a"), unnamed_ms=NOW)
    assert 0 < await store.command("PTTL", "sp:{keys}:holders") <= KEEP


async def test_a_process_notes_a_bounded_number_whatever_it_is_told(notes, holders):
    for number in range(10_000):
        notes.holds(f"stranger{number}", 1)
    await notes.write()
    held = await holders.read()
    assert len(held.holders) == 3
    assert held.overflow_ms == NOW


async def test_a_verifier_lives_at_least_as_long_as_it_may_wait(notes, holders):
    notes.holds("a", 1)
    await notes.write()
    (entry,) = (await holders.read()).holders
    assert entry.expires_ms == NOW + SHORTEST_LIFE_MS


async def test_a_verifier_that_left_and_came_back_by_another_replica_counts_as_there(store, holders, clock):
    one, two = (HolderNotes(holders, propagation_ms=0, clock=clock) for _ in range(2))
    seen = one.holds("a", 1)
    await one.write()
    clock.now += 1
    two.holds("a", 1)
    await two.write()
    one.leaves(seen)
    await one.write()
    (entry,) = (await holders.read()).holders
    assert entry.expires_ms == NOW + 1000 + SHORTEST_LIFE_MS


async def test_a_verifier_that_left_is_counted_a_little_longer(notes, holders, clock):
    seen = notes.holds("a", 1)
    await notes.write()
    clock.now += 1
    notes.leaves(seen)
    await notes.write()
    (entry,) = (await holders.read()).holders
    assert entry.expires_ms == NOW + 1000 + LEAVING_MS


async def test_one_that_left_and_came_back_to_the_same_process_counts_as_there(notes, holders, clock):
    seen = notes.holds("a", 1)
    clock.now += 1
    notes.holds("a", 2)
    notes.leaves(seen)
    await notes.write()
    (entry,) = (await holders.read()).holders
    assert (entry.version, entry.expires_ms) == (2, NOW + 1000 + SHORTEST_LIFE_MS)


async def test_notes_that_could_not_be_written_are_kept_and_written_later(store_url, clock):
    """A forgotten note could be taken for proof."""
    away, back = SingleStore("unix:///nonexistent/valkey.sock"), open_store(store_url)
    notes = HolderNotes(KeyHolderStorage(away), propagation_ms=0, clock=clock, most=2)
    for name in ("a", "b", None):
        notes.holds(name, 1)
    with pytest.raises(StoreUnavailable):
        await notes.write()
    notes._storage = KeyHolderStorage(back)
    notes.holds("c", 1)
    await notes.write()
    held = await KeyHolderStorage(back).read()
    assert {entry.replica for entry in held.holders} == {"a", "b"}
    assert (held.unnamed_ms, held.overflow_ms) == (NOW, NOW)
    await away.close()
    await back.close()


async def test_notes_are_written_by_themselves(notes, holders, store):
    await notes.start()
    notes.holds("a", 1)
    async with asyncio.timeout(5):
        while not (await holders.read()).holders:  # noqa: ASYNC110 - the store announces nothing
            await asyncio.sleep(0.01)
    await notes.stop()
