"""User accounts in Redis.

Keys, all on one slot so that a name and its record change atomically (argon2id limits sign-in, not the slot):
  sp:{users}:names            hash   lookup name -> subject
  sp:{users}:user:<subject>   hash   username, name, email, email_verified, created_at, password_hash, suspended_at
  sp:{users}:marked           set    subjects whose sessions and grants are still to be ended

None expires. Invariant 4: only the argon2id hash of the password is stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from auth_service.users.user import User, lookup_name
from shared.redis.client import load_script

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from shared.redis.client import RedisClient

_NAMES: Final = "sp:{users}:names"
_MARKED: Final = "sp:{users}:marked"
_ADD: Final = load_script("auth_service.users", "add_user")
_REMOVE: Final = load_script("auth_service.users", "remove_user")
_SUSPEND: Final = load_script("auth_service.users", "suspend_user")
_SET_PASSWORD_HASH: Final = load_script("auth_service.users", "set_password_hash")
_PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class StoredUser:
    """A user with the password hash."""

    user: User
    password_hash: str


class UserRepository:
    """Every method raises RedisUnavailable."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis

    async def add(self, user: User, password_hash: str) -> bool:
        """Add the user; False if the name is taken. Atomic: one winner per name."""
        fields = (
            ("username", user.username),
            ("name", user.name or ""),
            ("email", user.email or ""),
            ("email_verified", int(user.email_verified)),
            ("created_at", user.created_at),
            ("password_hash", password_hash),
        )
        flat = [part for field in fields for part in field]
        added = await self._redis.run(
            _ADD, [_NAMES, _record(user.subject)], [lookup_name(user.username), user.subject, *flat]
        )
        return bool(added)

    async def find(self, subject: str) -> StoredUser | None:
        """The user with this subject."""
        return _stored(subject, await self._redis.command("HGETALL", _record(subject)))

    async def find_by_name(self, username: str) -> StoredUser | None:
        """The user with this name, in any equivalent spelling."""
        subject = await self._redis.command("HGET", _NAMES, lookup_name(username))
        # Two round trips for an unknown name as well: the response time must not reveal it.
        stored = await self.find(subject or "unknown")
        return stored if subject else None

    async def all(self) -> AsyncIterator[User]:
        """Every user, unordered, read in pages."""
        cursor, seen = "0", set[str]()
        while True:
            cursor, page = await self._redis.command("HSCAN", _NAMES, cursor, "COUNT", _PAGE)
            # A scan may return an entry twice while the hash grows.
            subjects = [s for s in dict(page).values() if s not in seen]
            seen.update(subjects)
            for subject, record in zip(
                subjects, await self._redis.pipeline([("HGETALL", _record(s)) for s in subjects]), strict=True
            ):
                stored = _stored(subject, record)
                if stored is not None:
                    yield stored.user
            if str(cursor) == "0":
                return

    async def set_password_hash(self, subject: str, new_hash: str, *, replacing: str | None = None) -> bool:
        """Replace the hash; False if the user does not exist, or if `replacing` is no longer the hash. Atomic."""
        return bool(await self._redis.run(_SET_PASSWORD_HASH, [_record(subject)], [new_hash, replacing or ""]))

    async def remove(self, user: User) -> bool:
        """Remove the user and mark the subject; False if it does not exist. Atomic."""
        keys = [_NAMES, _record(user.subject), _MARKED]
        return bool(await self._redis.run(_REMOVE, keys, [lookup_name(user.username), user.subject]))

    async def suspend(self, subject: str, *, now: int) -> bool:
        """Suspend the user and mark the subject; False if it does not exist. Atomic, and harmless if repeated."""
        return bool(await self._redis.run(_SUSPEND, [_record(subject), _MARKED], [subject, now]))

    async def lift_suspension(self, subject: str) -> bool:
        """Let the user sign in again; False if the user was not suspended."""
        return bool(await self._redis.command("HDEL", _record(subject), "suspended_at"))

    async def marked(self) -> list[str]:
        """The subjects whose sessions and grants are still to be ended."""
        return list(await self._redis.command("SMEMBERS", _MARKED))

    async def unmark(self, subject: str) -> None:
        """Nothing of this subject is left to be ended."""
        await self._redis.command("SREM", _MARKED, subject)


def _record(subject: str) -> str:
    return f"sp:{{users}}:user:{subject}"


def _stored(subject: str, record: Mapping[str, str]) -> StoredUser | None:
    if not record:
        return None
    user = User(
        subject=subject,
        username=record["username"],
        name=record["name"] or None,
        email=record["email"] or None,
        email_verified=record["email_verified"] == "1",
        created_at=int(record["created_at"]),
        suspended_at=int(record["suspended_at"]) if record.get("suspended_at") else None,
    )
    return StoredUser(user, record["password_hash"])
