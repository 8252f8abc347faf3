"""User accounts: lookup, password verification, changes."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from auth_service.users.hashing_queue import Lane
from auth_service.users.password_rules import check_new_password
from auth_service.users.user import User, check_username, lookup_name, new_subject

if TYPE_CHECKING:
    from auth_service.users.passwords import PasswordHasher
    from auth_service.users.repository import UserRepository


class UsernameTaken(Exception):
    """A user with this name exists."""


class UnknownUser(Exception):
    """The user does not exist, or was removed."""


class UserService:
    """Methods raise RedisUnavailable. `add` and `set_password` raise ServiceUnavailable if hashing has a long queue."""

    def __init__(self, repository: UserRepository, passwords: PasswordHasher) -> None:
        self._repository = repository
        self._passwords = passwords

    async def authenticate(self, username: str, password: str) -> User | None:
        """The user; None, after the same work, for a wrong name or password, or a user without one or suspended.

        Called within a turn of the hashing queue, because a sign-in counts as an attempt when its turn has come.
        """
        stored = await self._repository.find_by_name(username)
        stored_hash = stored.password_hash if stored else None
        if not await self._passwords.verify(password, stored_hash) or stored is None or stored_hash is None:
            return None
        if stored.user.suspended_at is not None:
            return None
        if self._passwords.is_outdated(stored_hash):
            renewed = await self._passwords.hash(password)
            await self._repository.set_password_hash(stored.user.subject, renewed, replacing=stored_hash)
        return stored.user

    async def find(self, subject: str) -> User | None:
        """The user with this subject."""
        stored = await self._repository.find(subject)
        return stored.user if stored else None

    async def is_active(self, subject: str) -> bool:
        """Whether the user exists and is not suspended."""
        user = await self.find(subject)
        return user is not None and user.suspended_at is None

    async def find_by_name(self, username: str) -> User | None:
        """The user with this name, in any equivalent spelling."""
        stored = await self._repository.find_by_name(username)
        return stored.user if stored else None

    def all(self) -> AsyncIterator[User]:
        """Every user, unordered."""
        return self._repository.all()

    async def add(
        self,
        username: str,
        password: str,
        *,
        name: str | None = None,
        email: str | None = None,
        email_verified: bool = False,
        allow_weak: bool = False,
    ) -> User:
        """Add a user. Raises ValueError (WeakPassword among them) and UsernameTaken.

        `allow_weak` is for a demo account on a loopback address.
        """
        user = User(
            subject=new_subject(),
            username=check_username(username),
            name=name,
            email=email,
            email_verified=email_verified,
            created_at=int(time.time()),
        )
        if not allow_weak:
            check_new_password(password, username=user.username)
        if not await self._repository.add(user, await self._hash(user, password)):
            raise UsernameTaken(user.username)
        return user

    async def set_password(self, user: User, password: str, *, allow_weak: bool = False) -> None:
        """Set a new password. Raises WeakPassword, and UnknownUser if the user was removed meanwhile.

        The caller ends the user's sessions.
        """
        if not allow_weak:
            check_new_password(password, username=user.username)
        if not await self._repository.set_password_hash(user.subject, await self._hash(user, password)):
            raise UnknownUser(user.username)

    async def remove(self, user: User) -> None:
        """Remove the user and free the name. Raises UnknownUser if the user was removed meanwhile.

        The caller ends the user's sessions and grants, as after `suspend`.
        """
        if not await self._repository.remove(user):
            raise UnknownUser(user.username)

    async def suspend(self, user: User) -> None:
        """Refuse sign-in until `lift_suspension`. Raises UnknownUser if the user was removed meanwhile."""
        if not await self._repository.suspend(user.subject, now=int(time.time())):
            raise UnknownUser(user.username)

    async def lift_suspension(self, user: User) -> bool:
        """Let the user sign in again; False if the user was not suspended."""
        return await self._repository.lift_suspension(user.subject)

    async def _hash(self, user: User, password: str) -> str:
        return await self._passwords.queue.run(
            Lane.KNOWN_BROWSER, lookup_name(user.username), lambda: self._passwords.hash(password)
        )
