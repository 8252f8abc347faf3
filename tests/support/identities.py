"""Identities of providers, the configuration of their providers, and directories of accounts."""

from typing import Any

from prometheus_client import CollectorRegistry

from auth_service.audit.log import AuditLog
from auth_service.audit.repository import AuditRepository
from auth_service.federation.access_rules import IdentityConditions
from auth_service.federation.accounts import AccountCreation, AccountDirectory
from auth_service.federation.configuration import ExternalProvider, ProviderConfiguration
from auth_service.federation.identity import Identity
from auth_service.users.repository import UserRepository
from shared.redis.client import RedisClient

ISSUER = "https://idp.example"
NOW = 1_800_000_000


def provider(id: str = "corp", *, allow: dict[str, Any] | None = None, deny: Any = None) -> ProviderConfiguration:  # noqa: A002 - the name in the configuration
    """The configuration of a provider. Its kind makes no difference to accounts."""
    return ExternalProvider(
        kind="external",
        id=id,
        display_name=id.title(),
        page=f"https://{id}.example/sign-in",
        issuer=ISSUER,
        jwks={"keys": []},
        allow=IdentityConditions(**({"everyone": True} if allow is None else allow)),
        deny=IdentityConditions(**(deny or {})),
    )


def identity(subject: str = "1", **stated: Any) -> Identity:
    """Someone at the provider `corp`."""
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
        providers=providers,
        audit=AuditLog(AuditRepository(store), CollectorRegistry()),
        clock=lambda: now,
    )
