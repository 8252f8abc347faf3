"""The notes of the example, in a real store and in memory: one contract."""

import asyncio

import pytest

from mcp_service.notes.redis_repository import RedisNoteRepository
from mcp_service.notes.repository import MAX_NOTES_PER_USER, InMemoryNoteRepository, TooManyNotes

pytestmark = pytest.mark.store


@pytest.fixture(params=["memory", "store"])
def notes(request, store):
    return InMemoryNoteRepository() if request.param == "memory" else RedisNoteRepository(store)


async def test_a_note_is_kept_listed_and_deleted(notes):
    first = await notes.add("alice", "one")
    second = await notes.add("alice", "two")
    assert sorted(n.text for n in await notes.list("alice")) == ["one", "two"]
    assert await notes.delete("alice", first.note_id) is True
    assert await notes.list("alice") == [second]
    assert await notes.delete("alice", first.note_id) is False


async def test_notes_are_listed_oldest_first(notes):
    added = []
    for number in range(3):
        added.append(await notes.add("alice", str(number)))
        await asyncio.sleep(0.002)  # ids begin with the time in milliseconds
    assert await notes.list("alice") == added


@pytest.mark.parametrize("subject", ["bob", "alice ", "alice*", ""])
async def test_no_user_reaches_the_notes_of_another(notes, subject):
    note = await notes.add("alice", "secret")
    assert await notes.list(subject) == []
    assert await notes.delete(subject, note.note_id) is False


@pytest.mark.parametrize("text", ["ünïcode 😀", "line\nbreak", '{"json": "\\u0000"}', "x" * 4000])
async def test_a_text_comes_back_as_it_was(notes, text):
    await notes.add("alice", text)
    assert [n.text for n in await notes.list("alice")] == [text]


async def test_the_last_place_has_one_winner(notes):
    for number in range(MAX_NOTES_PER_USER - 1):
        await notes.add("alice", str(number))
    outcomes = await asyncio.gather(*(notes.add("alice", "last") for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(outcome, TooManyNotes) for outcome in outcomes) == 19
    assert len(await notes.list("alice")) == MAX_NOTES_PER_USER


async def test_every_key_of_the_notes_begins_with_their_prefix(store):
    await RedisNoteRepository(store).add("alice", "one")
    assert [key async for page in store.scan("*") for key in page] == ["notes:alice"]
