"""Identities of providers, the configuration of their providers, and directories of accounts."""

from typing import Any

from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from auth_service.audit.log import AuditLog
from auth_service.audit.repository import AuditRepository
from auth_service.federation.access_rules import IdentityConditions
from auth_service.federation.accounts import AccountCreation, AccountDirectory
from auth_service.federation.configuration import GitHubProvider, ProviderConfiguration
from auth_service.federation.identity import Identity
from auth_service.users.repository import UserRepository
from shared.redis.client import RedisClient

ISSUER = "https://idp.example"
NOW = 1_800_000_000


def provider(name: str = "corp", *, issuer: str = ISSUER, allow: Any = None, deny: Any = None) -> ProviderConfiguration:
    """The configuration of a provider. Its kind makes no difference to accounts."""
    return GitHubProvider(
        kind="github",
        id=name,
        origin=issuer,
        display_name=name.title(),
        client_id="client",
        client_secret=SecretStr("secret"),
        allow=IdentityConditions(**(allow or {"everyone": True})),
        deny=IdentityConditions(**(deny or {})),
    )


def identity(subject: str = "1", **stated: Any) -> Identity:
    """An identity at the provider `corp`."""
    known: dict[str, Any] = {"provider": "corp", "issuer": ISSUER, "authenticated_at": NOW}
    return Identity(**{**known, "subject": subject, **stated})


def account_directory(
    store: RedisClient,
    *,
    creation: AccountCreation = "on",
    passwords: bool = True,
    providers: tuple[str, ...] = ("corp", "other"),
    now: int = NOW,
) -> AccountDirectory:
    """A directory as each replica has one."""
    return AccountDirectory(
        users=UserRepository(store),
        creation=creation,
        passwords=passwords,
        issuers=dict.fromkeys(providers, ISSUER),
        audit=AuditLog(AuditRepository(store), CollectorRegistry()),
        clock=lambda: now,
    )
