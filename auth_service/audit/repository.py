"""The audit log in Redis: one stream of bounded length, oldest entries dropped first.

Key: sp:{audit}:events   stream   id, at (milliseconds since 1970), event, and `f:<name>` for each field of the event
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
"""The time for which XREAD blocks; shorter than any response timeout that the Redis client may have."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One recorded event. `at` in milliseconds since 1970."""

    id: str
    at: int
    event: str
    fields: dict[str, str]


class AuditRepository:
    """Every method raises RedisUnavailable."""

    def __init__(self, redis: RedisClient, *, max_events: int = MAX_EVENTS) -> None:
        self._redis = redis
        self._max_events = max_events

    async def append(self, entries: Sequence[AuditEntry]) -> None:
        """Append entries in one round trip; the oldest beyond about `max_events` are dropped."""
        await self._redis.pipeline(
            (
                *("XADD", _EVENTS, "MAXLEN", "~", self._max_events, "*"),
                *("id", entry.id, "at", entry.at, "event", entry.event),
                *(part for name, value in entry.fields.items() for part in (f"f:{name}", value)),
            )
            for entry in entries
        )

    async def read(self, *, since_ms: int = 0) -> AsyncIterator[AuditEntry]:
        """Every entry since `since_ms`, oldest first, read in pages."""
        start = str(since_ms)
        while True:
            page = await self._redis.command("XRANGE", _EVENTS, start, "+", "COUNT", _PAGE)
            for _, fields in page:
                yield _entry(fields)
            if len(page) < _PAGE:
                return
            start = f"({page[-1][0]}"

    async def follow(self, *, since_ms: int | None = None) -> AsyncIterator[AuditEntry]:
        """Every entry since `since_ms`, or from now on, without end."""
        if since_ms is None:
            newest = await self._redis.command("XREVRANGE", _EVENTS, "+", "-", "COUNT", 1)
            last = str(newest[0][0]) if newest else "0-0"
        else:
            last = f"{since_ms}-0"
        while True:
            answer = await self._redis.command(
                "XREAD", "COUNT", _PAGE, "BLOCK", _WAIT_MILLISECONDS, "STREAMS", _EVENTS, last
            )
            # wait_for of Python 3.11, used by redis-py, may swallow a cancellation that arrives as it finishes.
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise asyncio.CancelledError
            # RESP3 answers with a mapping, RESP2 with pairs, here of one stream.
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
