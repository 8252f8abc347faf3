"""Session records and their repository.

`sp:{<subject>}:session:<hash>` is JSON and expires; all sessions of a user share the user's slot.
`sp:{<subject>}:session_index` is a sorted set of their hashes by the time when each was last seen. An entry whose
session has ended is ignored; a session that a former version began has no entry until it is seen.
`sp:{<subject>}:signed_out_at` ends all sessions that began before it was written: a session carries the value that it
was begun under and is found only while that is the value. No clock orders the two, because those of replicas differ.
A value is the seconds since 1970 and random digits, which make it unique. Only a hash of the cookie's token is stored
(invariant 4).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from auth_service.protocol.opaque import short_digest
from auth_service.sessions.device import UNKNOWN_DEVICE, Device

if TYPE_CHECKING:
    from shared.redis.client import RedisClient

MAX_SESSIONS: Final = 50
"""The maximum sessions of one user. A further one ends the one that was not seen for the longest time."""


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser. Times in seconds since 1970."""

    token_hash: str
    subject: str
    username: str
    authenticated_at: float
    identity: str = ""
    """The key of the identity by which the user signed in; empty after a password."""
    begun_at: float = 0
    seen_at: float = 0
    """The approximate time of the last request; 0 if unknown."""
    device: Device = UNKNOWN_DEVICE
    """Browser and system by the User-Agent at sign-in."""
    address: str = ""
    """The client address at sign-in."""

    @property
    def handle(self) -> str:
        """Names the session on a page. It cannot be turned back into the hash, to which forms are bound."""
        return short_digest(f"session handle {self.token_hash}")


class SessionRepository:
    """Stores sessions. Every method raises RedisUnavailable, and only that."""

    def __init__(self, redis: RedisClient, *, lifetime_seconds: int) -> None:
        self._redis = redis
        self._lifetime = lifetime_seconds

    async def begin(self, session: Session) -> None:
        """Store a new session, seen now. A sign-out of all sessions while it begins ends it too."""
        signed_out = await self._redis.command("GET", _ended_key(session.subject))
        record = {
            "username": session.username,
            "authenticated_at": session.authenticated_at,
            "signed_out_at": signed_out,
            "identity": session.identity,
            "begun_at": session.begun_at,
            "browser": session.device.browser,
            "system": session.device.system,
            "address": session.address,
        }
        index = _index_key(session.subject)
        # The entry first: no session is without one.
        await self.mark_seen(session, now=session.seen_at)
        await self._redis.command(
            "SET", _key(session.subject, session.token_hash), json.dumps(record), "EX", self._lifetime
        )
        too_many = await self._redis.command("ZRANGE", index, 0, -(MAX_SESSIONS + 1))
        if too_many:
            await self._redis.command("DEL", *(_key(session.subject, token_hash) for token_hash in too_many))
            await self._redis.command("ZREM", index, *too_many)

    async def find(self, subject: str, token_hash: str) -> Session | None:
        """Read a session that has not ended."""
        text, ended_at = await self._redis.command("MGET", _key(subject, token_hash), _ended_key(subject))
        return _read(subject, token_hash, text, ended_at)

    async def find_by_subject(self, subject: str) -> list[Session]:
        """The sessions of a user that have not ended, the one that was seen last first."""
        index = _index_key(subject)
        entries = await self._redis.command("ZRANGE", index, 0, -1, "REV", "WITHSCORES")
        seen: dict[str, float] = dict(_pairs(entries))
        if not seen:
            return []
        ended_at, *texts = await self._redis.command("MGET", _ended_key(subject), *(_key(subject, h) for h in seen))
        found = [
            _read(subject, token_hash, text, ended_at, seen_at=seen[token_hash])
            for token_hash, text in zip(seen, texts, strict=True)
        ]
        return [session for session in found if session is not None]

    async def mark_seen(self, session: Session, *, now: float) -> None:
        """Note that the session is in use."""
        index = _index_key(session.subject)
        await self._redis.pipeline(
            [
                ("ZREMRANGEBYSCORE", index, "-inf", f"({now - self._lifetime:.3f}"),
                ("ZADD", index, f"{now:.3f}", session.token_hash),
                ("EXPIRE", index, self._lifetime),
            ]
        )

    async def end(self, session: Session) -> None:
        """End one session."""
        await self._redis.command("DEL", _key(session.subject, session.token_hash))
        await self._redis.command("ZREM", _index_key(session.subject), session.token_hash)

    async def end_all(self, subject: str, *, now: float) -> None:
        """End every session of a user that began until now, in any browser."""
        value = f"{now:.6f}{secrets.randbelow(10**9):09}"
        await self._redis.command("SET", _ended_key(subject), value, "EX", self._lifetime)


def _read(
    subject: str, token_hash: str, text: str | None, ended_at: str | None, *, seen_at: float = 0
) -> Session | None:
    if text is None:
        return None
    record: Mapping[str, Any] = json.loads(text)
    if ended_at is not None and record["signed_out_at"] != ended_at:
        return None
    return Session(
        token_hash,
        subject,
        record["username"],
        record["authenticated_at"],
        record["identity"],
        # A former version did not store the following.
        begun_at=record.get("begun_at", record["authenticated_at"]),
        seen_at=seen_at,
        device=Device(record.get("browser", ""), record.get("system", "")),
        address=record.get("address", ""),
    )


def _pairs(entries: list[Any]) -> list[tuple[str, float]]:
    """The members with their scores: RESP3 pairs them, RESP2 lists them in turn."""
    flat = [value for entry in entries for value in (entry if isinstance(entry, list | tuple) else (entry,))]
    return [(str(member), float(score)) for member, score in zip(flat[::2], flat[1::2], strict=True)]


def _key(subject: str, token_hash: str) -> str:
    return f"sp:{{{subject}}}:session:{token_hash}"


def _index_key(subject: str) -> str:
    return f"sp:{{{subject}}}:session_index"


def _ended_key(subject: str) -> str:
    return f"sp:{{{subject}}}:signed_out_at"
