"""The directory of users: finds them, signs them in, changes them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from auth_service.users.password_rules import check_new_password
from auth_service.users.user import User, check_username, new_subject

if TYPE_CHECKING:
    from auth_service.users.passwords import PasswordHasher
    from auth_service.users.repository import UserRepository


class UsernameTaken(Exception):
    """Somebody has this name already."""


class UnknownUser(Exception):
    """There is no such user (any more)."""


class UserService:
    """Methods raise RedisUnavailable, and ServiceUnavailable when too many passwords wait for hashing."""

    def __init__(self, storage: UserRepository, passwords: PasswordHasher) -> None:
        self._storage = storage
        self._passwords = passwords

    async def authenticate(self, username: str, password: str) -> User | None:
        """The user, or None: the same answer after the same work for a wrong name and for a wrong password."""
        stored = await self._storage.find_by_name(username)
        stored_hash = stored.password_hash if stored else None
        if not await self._passwords.verify(password, stored_hash) or stored is None or stored_hash is None:
            return None
        if self._passwords.is_outdated(stored_hash):
            renewed = await self._passwords.hash(password)
            await self._storage.set_password_hash(stored.user.subject, renewed, replacing=stored_hash)
        return stored.user

    async def find(self, subject: str) -> User | None:
        """The user with this subject."""
        stored = await self._storage.find(subject)
        return stored.user if stored else None

    async def find_by_name(self, username: str) -> User | None:
        """The user with this name, in any spelling that means the same."""
        stored = await self._storage.find_by_name(username)
        return stored.user if stored else None

    def all(self) -> AsyncIterator[User]:
        """Every user, in no order."""
        return self._storage.all()

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
        if not await self._storage.add(user, await self._passwords.hash(password)):
            raise UsernameTaken(user.username)
        return user

    async def set_password(self, user: User, password: str, *, allow_weak: bool = False) -> None:
        """Set a new password. Raises WeakPassword, and UnknownUser when the user was removed meanwhile.

        Ending the user's sessions is the caller's to do: this room knows none.
        """
        if not allow_weak:
            check_new_password(password, username=user.username)
        if not await self._storage.set_password_hash(user.subject, await self._passwords.hash(password)):
            raise UnknownUser(user.username)

    async def remove(self, user: User) -> None:
        """Remove the user and free the name. Raises UnknownUser when somebody was faster."""
        if not await self._storage.remove(user):
            raise UnknownUser(user.username)
