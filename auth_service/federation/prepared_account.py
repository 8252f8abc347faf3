"""Accounts that an operator adds for an identity before its first sign-in.

Invariant 13: an invitation names provider, issuer and subject. An invitation to an e-mail address would give the
account to each identity that some provider states the address for, and is not offered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auth_service.federation.identity import MAX_SUBJECT_CHARACTERS, Identity
from auth_service.federation.known_identity import KnownIdentity
from auth_service.users.service import UsernameTaken
from auth_service.users.user import Profile, User, check_username, new_subject

if TYPE_CHECKING:
    from auth_service.users.repository import UserRepository


class IdentityTaken(Exception):
    """The identity belongs to another user already."""


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
