"""Where audit events are kept: one stream, bounded in length, oldest dropped first.

Key: sp:{audit}:events   stream   id, at (milliseconds since 1970), event, and one field `f:<name>` for each field.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from shared.redis.client import RedisClient

_EVENTS: Final = "sp:{audit}:events"
MAX_EVENTS: Final = 200_000
_PAGE: Final = 500
_WAIT_MILLISECONDS: Final = 1000
"""Shorter than any answer timeout that the store connection may have."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One event as written. `at` in milliseconds since 1970."""

    id: str
    at: int
    event: str
    fields: dict[str, str]


class AuditRepository:
    """Every method raises RedisUnavailable when the store is away."""

    def __init__(self, store: RedisClient, *, max_events: int = MAX_EVENTS) -> None:
        self._store = store
        self._max_events = max_events

    async def append(self, entries: Sequence[AuditEntry]) -> None:
        """Append entries in one round trip, and let the oldest go beyond `max_events` (about)."""
        await self._store.pipeline(
            (
                *("XADD", _EVENTS, "MAXLEN", "~", self._max_events, "*"),
                *("id", entry.id, "at", entry.at, "event", entry.event),
                *(part for name, value in entry.fields.items() for part in (f"f:{name}", value)),
            )
            for entry in entries
        )

    async def read(self, *, since_ms: int = 0) -> AsyncIterator[AuditEntry]:
        """Every entry since then, oldest first, a page at a time."""
        start = str(since_ms)
        while True:
            page = await self._store.command("XRANGE", _EVENTS, start, "+", "COUNT", _PAGE)
            for _, fields in page:
                yield _entry(fields)
            if len(page) < _PAGE:
                return
            start = f"({page[-1][0]}"

    async def follow(self, *, since_ms: int | None = None) -> AsyncIterator[AuditEntry]:
        """Every entry since then, or from now on, for ever."""
        if since_ms is None:
            newest = await self._store.command("XREVRANGE", _EVENTS, "+", "-", "COUNT", 1)
            last = str(newest[0][0]) if newest else "0-0"
        else:
            last = f"{since_ms}-0"
        while True:
            answer = await self._store.command(
                "XREAD", "COUNT", _PAGE, "BLOCK", _WAIT_MILLISECONDS, "STREAMS", _EVENTS, last
            )
            # Python 3.11's wait_for, which redis-py sends with, may swallow a cancellation that comes as it ends.
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise asyncio.CancelledError
            # RESP3 answers with a mapping, RESP2 with pairs; both of one stream here.
            streams = answer.items() if isinstance(answer, dict) else (answer or ())
            for _, entries in streams:
                for entry_id, fields in entries:
                    yield _entry(fields)
                    last = str(entry_id)


def _entry(fields: dict[str, str]) -> AuditEntry:
    return AuditEntry(
        id=fields["id"],
        at=int(fields["at"]),
        event=fields["event"],
        fields={name.removeprefix("f:"): value for name, value in fields.items() if name.startswith("f:")},
    )
