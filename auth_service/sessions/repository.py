"""Session records and their repository.

`sp:{<subject>}:session:<hash>` is JSON and expires; all sessions of a user share the user's slot.
`sp:{<subject>}:signed_out_at` ends all sessions that began before it was written: a session carries the value that it
was begun under and is found only while that is the value. No clock orders the two, because those of replicas differ.
A value is the seconds since 1970 and random digits, which make it unique. Only a hash of the cookie's token is stored
(invariant 4).
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.redis.client import RedisClient


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser. Times in seconds since 1970."""

    token_hash: str
    subject: str
    username: str
    authenticated_at: float
    identity: str = ""
    """The key of the identity by which the user signed in; empty after a password."""


class SessionRepository:
    """Stores sessions. Every method raises RedisUnavailable, and only that."""

    def __init__(self, redis: RedisClient, *, lifetime_seconds: int) -> None:
        self._redis = redis
        self._lifetime = lifetime_seconds

    async def begin(self, session: Session) -> None:
        """Store a new session. A sign-out of all sessions while it begins ends it too."""
        signed_out = await self._redis.command("GET", _ended_key(session.subject))
        record = {
            "username": session.username,
            "authenticated_at": session.authenticated_at,
            "signed_out_at": signed_out,
            "identity": session.identity,
        }
        await self._redis.command(
            "SET", _key(session.subject, session.token_hash), json.dumps(record), "EX", self._lifetime
        )

    async def find(self, subject: str, token_hash: str) -> Session | None:
        """Read a session that has not ended."""
        text, ended_at = await self._redis.command("MGET", _key(subject, token_hash), _ended_key(subject))
        if text is None:
            return None
        record = json.loads(text)
        if ended_at is not None and record["signed_out_at"] != ended_at:
            return None
        return Session(token_hash, subject, record["username"], record["authenticated_at"], record["identity"])

    async def end(self, session: Session) -> None:
        """End one session."""
        await self._redis.command("DEL", _key(session.subject, session.token_hash))

    async def end_all(self, subject: str, *, now: float) -> None:
        """End every session of a user that began until now, in any browser."""
        value = f"{now:.6f}{secrets.randbelow(10**9):09}"
        await self._redis.command("SET", _ended_key(subject), value, "EX", self._lifetime)


def _key(subject: str, token_hash: str) -> str:
    return f"sp:{{{subject}}}:session:{token_hash}"


def _ended_key(subject: str) -> str:
    return f"sp:{{{subject}}}:signed_out_at"
