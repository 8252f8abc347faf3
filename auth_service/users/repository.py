"""User accounts in Redis.

Keys, all on one slot so that names, identities and records change atomically (argon2id and the providers limit sign-in,
not the slot):
  sp:{users}:names                hash   lookup name -> subject
  sp:{users}:user:<subject>       hash   username, name, email, email_verified, created_at; if there are: password_hash,
                                         suspended_at, profile_identity (the identity that name and email come from)
  sp:{users}:identities           hash   key of an identity -> subject
  sp:{users}:identity:<subject>   hash   key of an identity -> what its provider stated: a text that is opaque here
  sp:{users}:marked               set    subjects whose sessions and grants are still to be ended

None expires. Invariant 4: only the argon2id hash of the password is stored. Invariant 13: an identity belongs to one
user, and no other entry of a record selects a user for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from auth_service.users.user import MAX_IDENTITIES, Profile, User, lookup_name
from shared.redis.client import load_script

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from shared.redis.client import Argument, RedisClient

_NAMES: Final = "sp:{users}:names"
_IDENTITIES: Final = "sp:{users}:identities"
_MARKED: Final = "sp:{users}:marked"
_ADD: Final = load_script("auth_service.users", "add_user")
_ADD_WITH_IDENTITY: Final = load_script("auth_service.users", "add_user_with_identity")
_LINK_IDENTITY: Final = load_script("auth_service.users", "link_identity")
_RECORD_IDENTITY: Final = load_script("auth_service.users", "record_identity")
_UNLINK_IDENTITY: Final = load_script("auth_service.users", "unlink_identity")
_REMOVE: Final = load_script("auth_service.users", "remove_user")
_SUSPEND: Final = load_script("auth_service.users", "suspend_user")
_SET_PASSWORD_HASH: Final = load_script("auth_service.users", "set_password_hash")
_PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class StoredUser:
    """A user with the password hash."""

    user: User
    password_hash: str | None
    """The argon2id hash; None for a user without a password, never an empty text."""


class LinkResult(StrEnum):
    """The outcome of a request to link an identity."""

    LINKED = "linked"
    TAKEN = "taken"
    FULL = "full"
    NO_USER = "no_user"


class UnlinkResult(StrEnum):
    """The outcome of a request to unlink an identity."""

    UNLINKED = "unlinked"
    NOT_LINKED = "not_linked"
    LAST = "last"


class UserRepository:
    """Every method raises RedisUnavailable."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis

    async def add(self, user: User, password_hash: str) -> bool:
        """Add the user; False if the name is taken. Atomic: one winner per name."""
        fields = [*_fields(user), "password_hash", password_hash]
        added = await self._redis.run(
            _ADD, [_NAMES, _record(user.subject)], [lookup_name(user.username), user.subject, *fields]
        )
        return bool(added)

    async def add_with_identity(self, user: User, identity: str, statement: str) -> str | None:
        """Add a user without a password, who signs in with the identity and whose name and address come from it.

        Returns the subject that the identity belongs to afterwards: another one if it had a user already. None if the
        name is taken. Atomic: one winner per identity and per name.
        """
        keys = [_NAMES, _record(user.subject), _IDENTITIES, _statements(user.subject)]
        fields = [*_fields(user), "profile_identity", identity]
        holder = await self._redis.run(
            _ADD_WITH_IDENTITY, keys, [lookup_name(user.username), user.subject, identity, statement, *fields]
        )
        return str(holder) or None

    async def find(self, subject: str) -> StoredUser | None:
        """The user with this subject."""
        return _stored(subject, await self._redis.command("HGETALL", _record(subject)))

    async def find_by_name(self, username: str) -> StoredUser | None:
        """The user with this name, in any equivalent spelling."""
        subject = await self._redis.command("HGET", _NAMES, lookup_name(username))
        # Two round trips for an unknown name as well: the response time must not reveal it.
        stored = await self.find(subject or "unknown")
        return stored if subject else None

    async def find_by_identity(self, identity: str) -> User | None:
        """The user that the identity belongs to."""
        subject = await self._redis.command("HGET", _IDENTITIES, identity)
        stored = await self.find(subject) if subject else None
        return stored.user if stored else None

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
        """Remove the user and the identities, and mark the subject; False if it does not exist. Atomic."""
        keys = [_NAMES, _record(user.subject), _MARKED, _IDENTITIES, _statements(user.subject)]
        return bool(await self._redis.run(_REMOVE, keys, [lookup_name(user.username), user.subject]))

    async def link_identity(self, subject: str, identity: str, statement: str) -> LinkResult:
        """Link an identity that belongs to no other user. Atomic: one winner, and harmless if repeated."""
        arguments: list[Argument] = [subject, identity, statement, MAX_IDENTITIES]
        return LinkResult(await self._redis.run(_LINK_IDENTITY, _identity_keys(subject), arguments))

    async def record_identity(self, subject: str, identity: str, statement: str, profile: Profile) -> bool:
        """Record a sign-in; False if the identity is not the user's, or the user is suspended. Atomic.

        The profile is taken over if it comes from this identity.
        """
        arguments: list[Argument] = [subject, identity, statement, *_texts(profile)]
        return bool(await self._redis.run(_RECORD_IDENTITY, _identity_keys(subject), arguments))

    async def unlink_identity(
        self, subject: str, identity: str, *, password_counts: bool, others: Sequence[str]
    ) -> UnlinkResult:
        """Unlink an identity, unless no way to sign in is left: a password that counts, or one of `others`. Atomic."""
        arguments: list[Argument] = [subject, identity, int(password_counts), *others]
        return UnlinkResult(await self._redis.run(_UNLINK_IDENTITY, _identity_keys(subject), arguments))

    async def statements(self, subjects: Sequence[str]) -> list[dict[str, str]]:
        """What the providers stated about each subject, by identity."""
        return [dict(h) for h in await self._redis.pipeline([("HGETALL", _statements(s)) for s in subjects])]

    async def statement(self, subject: str, identity: str) -> str | None:
        """The provider's statement about one identity of the user; None if it is not linked."""
        text = await self._redis.command("HGET", _statements(subject), identity)
        return None if text is None else str(text)

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
        """Remove the mark: all sessions and grants of the subject have ended."""
        await self._redis.command("SREM", _MARKED, subject)


def _record(subject: str) -> str:
    return f"sp:{{users}}:user:{subject}"


def _statements(subject: str) -> str:
    return f"sp:{{users}}:identity:{subject}"


def _identity_keys(subject: str) -> list[str]:
    return [_record(subject), _IDENTITIES, _statements(subject)]


def _texts(profile: Profile) -> tuple[str, str, int]:
    return profile.name or "", profile.email or "", int(profile.email_verified)


def _fields(user: User) -> list[Argument]:
    name, email, email_verified = _texts(Profile(user.name, user.email, user.email_verified))
    fields: dict[str, Argument] = {
        "username": user.username,
        "name": name,
        "email": email,
        "email_verified": email_verified,
        "created_at": user.created_at,
    }
    return [part for field in fields.items() for part in field]


def _stored(subject: str, record: Mapping[str, str]) -> StoredUser | None:
    if not record:
        return None
    password_hash = record.get("password_hash") or None
    user = User(
        subject=subject,
        username=record["username"],
        name=record["name"] or None,
        email=record["email"] or None,
        email_verified=record["email_verified"] == "1",
        created_at=int(record["created_at"]),
        suspended_at=int(record["suspended_at"]) if record.get("suspended_at") else None,
        has_password=password_hash is not None,
    )
    return StoredUser(user, password_hash)
