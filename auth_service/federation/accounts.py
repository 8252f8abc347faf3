"""The account of an identity: found or made at sign-in, linked, unlinked.

Invariant 13: an account is found by provider, issuer and subject of the identity, and by nothing else. The access rules
of the provider are evaluated at each sign-in, also for accounts that exist.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

from auth_service.audit.events import AuditEvent, plain
from auth_service.federation.access_rules import refusal
from auth_service.federation.account_profile import account_profile, account_username
from auth_service.federation.identity import IdentityTooLarge, KnownIdentity
from auth_service.federation.provider import SignInRefused
from auth_service.texts import Text, message
from auth_service.users.repository import LinkResult, UnlinkResult
from auth_service.users.user import User, new_subject
from shared.errors import RequestRejected, ServiceUnavailable

if TYPE_CHECKING:
    from auth_service.audit.log import AuditLog
    from auth_service.federation.configuration import ProviderConfiguration
    from auth_service.federation.identity import Identity
    from auth_service.users.repository import UserRepository

AccountCreation = Literal["on", "invited"]
"""`on`: the first sign-in with an identity makes an account; `invited`: only an operator makes accounts."""

_ATTEMPTS: Final = 4
"""The attempts to find or make an account while others add or remove it, and to find a free name."""


class AccountRefused(SignInRefused):
    """The provider's response is right, but its user may not sign in here."""

    public: Text = message("This account can't sign in here. Choose another one, or ask your administrator.")


class IdentityNotLinked(SignInRefused):
    """The identity was not added to the account."""

    public: Text = message("That account is already in use here, so it wasn't linked.")


class LastWayToSignIn(RequestRejected):
    """Without this identity the user could not sign in any more; it was not unlinked."""

    status = 409
    public: Text = message("This is your only way to sign in. Add another one first.")


class AccountService:
    """Every method raises RedisUnavailable."""

    def __init__(
        self,
        *,
        users: UserRepository,
        creation: AccountCreation,
        passwords: bool,
        issuers: Mapping[str, str],
        audit: AuditLog,
        clock: Callable[[], float],
    ) -> None:
        """`passwords`: whether users can sign in with one. `issuers`: the issuer of each configured provider, by id."""
        self._users = users
        self._creation = creation
        self._passwords = passwords
        self._issuers = dict(issuers)
        self._audit = audit
        self._clock = clock

    async def resolve(self, configuration: ProviderConfiguration, identity: Identity) -> User:
        """The account that the identity signs in to, made if it has none and accounts are made at sign-in.

        Stores what the provider stated. Raises SignInRefused: `identity_refused`, `identity_size`,
        `not_invited`, `user_active`.
        """
        _check_access(configuration, identity)
        for _ in range(_ATTEMPTS):
            found = await self._users.find_by_identity(identity.key)
            user = await (self._create(identity) if found is None else self._signed_in(found, identity))
            if user is not None:
                return user
        raise ServiceUnavailable("the account changed while its user signed in", error_id="account_changed")

    async def link(self, subject: str, configuration: ProviderConfiguration, identity: Identity) -> None:
        """Add the identity to the account. The user has just signed in to both. Harmless if it is there.

        Raises SignInRefused: `identity_refused`, `identity_size`, `identity_taken`, `identity_limit`, `user_active`.
        """
        _check_access(configuration, identity)
        before = await self.known(subject, identity.key)
        result = await self._users.link_identity(subject, identity.key, self._statement(identity, before))
        if result is LinkResult.TAKEN:
            raise IdentityNotLinked("the identity belongs to another user", error_id="identity_taken")
        if result is LinkResult.FULL:
            raise IdentityNotLinked("the user has as many identities as one may have", error_id="identity_limit")
        if result is LinkResult.NO_USER:
            raise AccountRefused("the user was suspended or removed meanwhile", error_id="user_active")
        if before is None:
            self._audit.record(AuditEvent.USER_IDENTITY_LINKED, user=subject, provider=identity.provider)

    async def unlink(self, subject: str, key: str) -> bool:
        """Remove an identity from an account; False if it is not there. Raises LastWayToSignIn.

        A password does not count while sign-in with passwords is off. The caller ends the sessions and grants that
        began with the identity.
        """
        known = {entry.identity.key: entry.identity for entry in await self.identities_of(subject)}
        others = [other for other, identity in known.items() if other != key and self.can_sign_in(identity)]
        result = await self._users.unlink_identity(subject, key, password_counts=self._passwords, others=others)
        if result is UnlinkResult.LAST:
            raise LastWayToSignIn("no other way to sign in is left", error_id="last_way_to_sign_in")
        if result is UnlinkResult.NOT_LINKED:
            return False
        provider = known[key].provider if key in known else ""
        self._audit.record(AuditEvent.USER_IDENTITY_UNLINKED, user=subject, provider=provider)
        return True

    def can_sign_in(self, identity: Identity) -> bool:
        """Whether the provider of the identity is configured with the same issuer; access rules are not evaluated."""
        return self._issuers.get(identity.provider) == identity.issuer

    async def identities_of(self, subject: str) -> list[KnownIdentity]:
        """The identities of an account, in the order in which they were linked."""
        (statements,) = await self._users.statements([subject])
        return in_order(statements)

    async def known(self, subject: str, key: str) -> KnownIdentity | None:
        """One identity of an account, by its key; None if it is not there, or no longer."""
        text = await self._users.statement(subject, key)
        return None if text is None else KnownIdentity.from_json(text)

    async def _create(self, identity: Identity) -> User | None:
        """Make an account; None if another request made one meanwhile."""
        if self._creation == "invited":
            raise AccountRefused(f"no account has the identity {_named(identity)}", error_id="not_invited")
        profile, statement = account_profile(identity), self._statement(identity, None)
        user = User(
            subject=new_subject(),
            username=account_username(identity),
            name=profile.name,
            email=profile.email,
            email_verified=profile.email_verified,
            created_at=int(self._clock()),
            has_password=False,
        )
        for _ in range(_ATTEMPTS):
            holder = await self._users.add_with_identity(user, identity.key, statement)
            if holder == user.subject:
                self._audit.record(
                    AuditEvent.USER_ADDED, user=user.subject, username=user.username, provider=identity.provider
                )
                return user
            if holder is not None:
                return None
            user = replace(user, username=account_username(identity, suffix=secrets.token_hex(4)))
        raise ServiceUnavailable("no name is free for the account", error_id="account_changed")

    async def _signed_in(self, user: User, identity: Identity) -> User | None:
        """Record the sign-in and return the user as the provider states it; None if the account changed meanwhile."""
        if user.suspended_at is not None:
            raise AccountRefused("the user is suspended", error_id="user_active")
        statement = self._statement(identity, await self.known(user.subject, identity.key))
        profile = account_profile(identity)
        if not await self._users.record_identity(user.subject, identity.key, statement, profile):
            return None
        stored = await self._users.find(user.subject)
        return stored.user if stored else None

    def _statement(self, identity: Identity, before: KnownIdentity | None) -> str:
        """The stored form of the identity. Raises SignInRefused."""
        now = int(self._clock())
        try:
            return KnownIdentity(identity, before.linked_at if before else now, signed_in_at=now).to_json()
        except IdentityTooLarge as exc:
            raise AccountRefused(str(exc), error_id="identity_size") from exc


def in_order(statements: dict[str, str]) -> list[KnownIdentity]:
    """Stored identities in the order in which they were linked."""
    known = [KnownIdentity.from_json(text) for text in statements.values()]
    return sorted(known, key=lambda entry: (entry.linked_at, entry.identity.key))


def _check_access(configuration: ProviderConfiguration, identity: Identity) -> None:
    """Raise SignInRefused unless the rules of the identity's provider let it in."""
    if identity.provider != configuration.id:
        raise AccountRefused("the identity is of another provider than the rules", error_id="identity_refused")
    reason = refusal(allow=configuration.allow, deny=configuration.deny, identity=identity)
    if reason is not None:
        raise AccountRefused(f"{reason}: {_named(identity)}", error_id="identity_refused")


def _named(identity: Identity) -> str:
    """The identity as `users add --identity` takes it: an operator copies it from the output of `explain`."""
    return plain(f"{identity.provider}:{identity.subject}")
