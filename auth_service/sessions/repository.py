"""Sessions in the store.

`sp:{<subject>}:session:<hash>` is JSON and expires; all sessions of a person share the person's slot, and
`sp:{<subject>}:signed_out_at` (seconds) ends at once all that began before it. Only a hash of the cookie's token is
stored (invariant 4).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from auth_service.sessions.session import Session

if TYPE_CHECKING:
    from shared.redis.client import RedisClient


class SessionRepository:
    """Keeps who is signed in where. Every method raises RedisUnavailable, and only that."""

    def __init__(self, store: RedisClient, *, lifetime_seconds: int) -> None:
        self._store = store
        self._lifetime = lifetime_seconds

    async def begin(self, session: Session) -> None:
        """Keep a new session."""
        record = {"username": session.username, "authenticated_at": session.authenticated_at}
        await self._store.command(
            "SET", _key(session.subject, session.token_hash), json.dumps(record), "EX", self._lifetime
        )

    async def find(self, subject: str, token_hash: str) -> Session | None:
        """Read a session that has not ended."""
        text, ended_at = await self._store.command("MGET", _key(subject, token_hash), _ended_key(subject))
        if text is None:
            return None
        record = json.loads(text)
        if ended_at is not None and record["authenticated_at"] <= float(ended_at):
            return None
        return Session(token_hash, subject, record["username"], record["authenticated_at"])

    async def end(self, session: Session) -> None:
        """End one session."""
        await self._store.command("DEL", _key(session.subject, session.token_hash))

    async def end_all(self, subject: str, *, now: float) -> None:
        """End every session of a person that began until now, wherever it is."""
        await self._store.command("SET", _ended_key(subject), repr(now), "EX", self._lifetime)


def _key(subject: str, token_hash: str) -> str:
    return f"sp:{{{subject}}}:session:{token_hash}"


def _ended_key(subject: str) -> str:
    return f"sp:{{{subject}}}:signed_out_at"
