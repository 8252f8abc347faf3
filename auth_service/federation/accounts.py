"""The account of an identity: found or made at sign-in, linked, unlinked (invariant 13)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Literal

from shared.errors import RequestRejected

if TYPE_CHECKING:
    from auth_service.audit.log import AuditLog
    from auth_service.federation.configuration import ProviderConfiguration
    from auth_service.federation.identity import Identity
    from auth_service.federation.known_identity import KnownIdentity
    from auth_service.users.repository import UserRepository
    from auth_service.users.user import User

AccountCreation = Literal["on", "off", "invited"]
"""Whether the first sign-in with an identity makes an account; `invited`: only an operator makes accounts."""


class LastWayToSignIn(RequestRejected):
    """Without this identity the user could not sign in any more; it was not unlinked."""

    status = 409
    public = "This is the only way to sign in to this account, so it was kept."


class AccountDirectory:
    """Every method raises RedisUnavailable."""

    def __init__(
        self,
        *,
        users: UserRepository,
        creation: AccountCreation,
        passwords: bool,
        providers: Collection[str],
        audit: AuditLog,
        clock: Callable[[], float],
    ) -> None:
        """`passwords`: whether users can sign in with one. `providers`: the ids of those that are configured."""
        self._users = users
        self._creation = creation
        self._passwords = passwords
        self._providers = frozenset(providers)
        self._audit = audit
        self._clock = clock

    async def resolve(self, configuration: ProviderConfiguration, identity: Identity) -> User:
        """The account that the identity signs in to, made if it has none and accounts are made at sign-in.

        Stores what the provider stated. Raises SignInRefused: `identity_refused`, `identity_size`,
        `account_creation_off`, `not_invited`, `user_active`.
        """
        raise NotImplementedError

    async def link(self, subject: str, configuration: ProviderConfiguration, identity: Identity) -> None:
        """Add the identity to the account of a user who proved both in one sitting; harmless if it is there.

        Raises SignInRefused: `identity_refused`, `identity_size`, `identity_taken`, `identity_limit`, `user_active`.
        """
        raise NotImplementedError

    async def unlink(self, subject: str, key: str) -> bool:
        """Remove an identity from an account; False if it is not there. Raises LastWayToSignIn."""
        raise NotImplementedError

    async def identities_of(self, subject: str) -> list[KnownIdentity]:
        """The identities of an account, in the order in which they were linked."""
        raise NotImplementedError

    async def known(self, subject: str, key: str) -> KnownIdentity | None:
        """One identity of an account, by its key; None if it is not there, or no longer."""
        raise NotImplementedError
