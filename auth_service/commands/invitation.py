"""`users add --identity`: an account for an identity that has not signed in yet.

Invariant 13: an invitation names provider, issuer and subject. An invitation to an e-mail address would give the
account to each identity that some provider states the address for, and is not offered.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from auth_service.commands.console import CommandFailed
from auth_service.federation.accepted_identities import configured_issuer
from auth_service.federation.identity import MAX_SUBJECT_CHARACTERS, Identity, KnownIdentity
from auth_service.users.repository import UserRepository
from auth_service.users.service import UsernameTaken
from auth_service.users.user import Profile, User, check_username, new_subject
from shared.operator_commands import operator_command

if TYPE_CHECKING:
    from auth_service.commands.console import CommandContext


class IdentityTaken(Exception):
    """The identity belongs to another user already."""


async def add_for_identity(context: CommandContext, username: str, named: str, profile: Profile) -> User:
    """Add the user of an identity, which is named as `PROVIDER:SUBJECT`.

    Raises CommandFailed, ValueError, UsernameTaken, RedisUnavailable.
    """
    provider, separator, subject = named.partition(":")
    configured = {entry.id: entry for entry in context.settings.identity_providers}
    if not separator or provider not in configured:
        raise CommandFailed(
            "--identity begins with the id of an identity provider and a colon",
            hint=f"Configured in AUTH_IDENTITY_PROVIDERS: {', '.join(configured) or 'none'}.",
        )
    try:
        return await prepare_account(
            UserRepository(context.redis),
            username,
            provider=provider,
            issuer=configured_issuer(configured[provider]),
            subject=subject,
            profile=profile,
            now=int(time.time()),
        )
    except IdentityTaken as exc:
        raise CommandFailed(
            "the identity has an account already",
            hint=f"`{operator_command('auth_service', 'users', 'show', str(exc))}` prints it.",
        ) from exc


async def prepare_account(
    users: UserRepository, username: str, *, provider: str, issuer: str, subject: str, profile: Profile, now: int
) -> User:
    """Add a user who signs in with the identity. Raises ValueError, UsernameTaken, IdentityTaken, RedisUnavailable.

    The profile is replaced by what the provider states at the first sign-in. `now` is in seconds since 1970.
    """
    if not subject or len(subject) > MAX_SUBJECT_CHARACTERS or not subject.isprintable():
        raise ValueError(f"a subject has 1 to {MAX_SUBJECT_CHARACTERS} printable characters")
    identity = Identity(provider, issuer, subject, authenticated_at=0)
    user = User(
        subject=new_subject(),
        username=check_username(username),
        name=profile.name,
        email=profile.email,
        email_verified=profile.email_verified,
        created_at=now,
        has_password=False,
    )
    statement = KnownIdentity(identity, linked_at=now, signed_in_at=0).to_json()
    holder = await users.add_with_identity(user, identity.key, statement)
    if holder is None:
        raise UsernameTaken(user.username)
    if holder != user.subject:
        raise IdentityTaken(holder)
    return user
