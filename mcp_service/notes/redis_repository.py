"""Notes in Redis or Valkey. The only file that names a key: `notes:<subject>`, a hash from note id to text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mcp_service.notes.repository import MAX_NOTES_PER_USER, Note, TooManyNotes, new_note_id
from shared.redis.client import Script

if TYPE_CHECKING:
    from shared.redis.client import RedisClient

_ADD: Final = Script(
    "notes_add",
    """-- Adds a note unless the user has reached the limit. Atomic: two calls cannot both take the last place.
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
return redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2])
""",
)


class RedisNoteRepository:
    """Notes that all replicas share and that survive restarts."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis

    async def list(self, subject: str) -> list[Note]:
        """The notes sorted by id, which begins with the time."""
        found: dict[str, str] = await self._redis.command("HGETALL", _key(subject))
        return [Note(note_id, found[note_id]) for note_id in sorted(found)]

    async def add(self, subject: str, text: str) -> Note:
        note = Note(new_note_id(), text)
        if not await self._redis.run(_ADD, [_key(subject)], [note.note_id, note.text, MAX_NOTES_PER_USER]):
            raise TooManyNotes
        return note

    async def delete(self, subject: str, note_id: str) -> bool:
        return bool(await self._redis.command("HDEL", _key(subject), note_id))


def _key(subject: str) -> str:
    return f"notes:{subject}"
