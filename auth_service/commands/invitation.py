"""`users add --identity`: an account for an identity that has not signed in yet."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from auth_service.commands.console import CommandFailed
from auth_service.federation.accepted_identities import configured_issuer
from auth_service.federation.prepared_account import IdentityTaken, prepare_account
from auth_service.users.repository import UserRepository
from shared.operator_commands import operator_command

if TYPE_CHECKING:
    from auth_service.commands.console import CommandContext
    from auth_service.users.user import Profile, User


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
