"""The repository of notes: its interface, and the one in memory."""

from __future__ import annotations

import secrets
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Final, Protocol

MAX_NOTES_PER_USER: Final = 200


class TooManyNotes(Exception):
    """The user has reached the limit of notes."""


@dataclass(frozen=True)
class Note:
    """One note of one user."""

    note_id: str
    text: str


class NoteRepository(Protocol):
    """Notes by the subject of the token; a user sees only their own."""

    async def list(self, subject: str) -> list[Note]:
        """The user's notes, oldest first."""

    async def add(self, subject: str, text: str) -> Note:
        """Store a note. Raises TooManyNotes."""

    async def delete(self, subject: str, note_id: str) -> bool:
        """Delete a note; tell whether the user had it."""


def new_note_id() -> str:
    """Make an id: the time in milliseconds, so that ids sort by age, and a random suffix."""
    return f"{time.time_ns() // 1_000_000:011x}{secrets.token_hex(4)}"


class InMemoryNoteRepository:
    """Notes that are lost at a restart and not shared between replicas: for trying the service out."""

    def __init__(self) -> None:
        self._notes: defaultdict[str, dict[str, str]] = defaultdict(dict)

    async def list(self, subject: str) -> list[Note]:
        return [Note(note_id, text) for note_id, text in self._notes[subject].items()]

    async def add(self, subject: str, text: str) -> Note:
        mine = self._notes[subject]
        if len(mine) >= MAX_NOTES_PER_USER:
            raise TooManyNotes
        note = Note(new_note_id(), text)
        mine[note.note_id] = note.text
        return note

    async def delete(self, subject: str, note_id: str) -> bool:
        return self._notes[subject].pop(note_id, None) is not None
