"""Builds the identity providers from their configuration, and the service for accounts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from auth_service.federation.accepted_identities import configured_issuer
from auth_service.federation.accounts import AccountService
from auth_service.federation.configuration import ExternalProvider, GitHubProvider, OidcProvider
from auth_service.federation.external.provider import ExternalIdentityProvider
from auth_service.federation.external.used_tokens_repository import UsedTokensRepository
from auth_service.federation.github.provider import GitHubIdentityProvider
from auth_service.federation.http import ProviderHttp
from auth_service.federation.identity_providers import ConfiguredProvider, IdentityProviders
from auth_service.federation.identity_review import IdentityReview
from auth_service.federation.metrics import ProviderMetrics
from auth_service.federation.oidc.provider import OidcIdentityProvider

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prometheus_client import CollectorRegistry

    from auth_service.audit.log import AuditLog
    from auth_service.federation.accounts import AccountCreation
    from auth_service.federation.configuration import ProviderConfiguration
    from auth_service.federation.provider import IdentityProvider
    from auth_service.users.repository import UserRepository
    from shared.redis.client import RedisClient

ProviderFactory = Callable[["ProviderConfiguration", str], "IdentityProvider"]
"""Builds the provider of an entry, with its redirect URI."""

CALLBACK_PATH: Final = "/sign-in/callback/"


@dataclass(frozen=True, slots=True)
class FederationComponents:
    """Sign-in through identity providers, without its pages."""

    providers: IdentityProviders
    accounts: AccountService
    review: IdentityReview
    metrics: ProviderMetrics
    http: ProviderHttp

    async def close(self) -> None:
        """Cancel the fetches in progress, and close the connections."""
        await self.providers.close()
        await self.http.close()


@dataclass(frozen=True, slots=True)
class FederationSettings:
    """The settings of sign-in through providers."""

    issuer: str
    providers: Sequence[ProviderConfiguration]
    passwords: bool
    account_creation: AccountCreation
    identity_max_age: int | None
    """The seconds for which a sign-in through a provider counts; None is for ever."""


def wire_federation(
    chosen: FederationSettings,
    *,
    redis: RedisClient,
    registry: CollectorRegistry,
    users: UserRepository,
    audit: AuditLog,
    clock: Callable[[], float],
    monotonic: Callable[[], float],
    build: ProviderFactory | None = None,
) -> FederationComponents:
    """Build the components; nothing is connected. `build` replaces the providers in tests."""
    http = ProviderHttp()
    factory = build or provider_factory(http, issuer=chosen.issuer, redis=redis, clock=clock, monotonic=monotonic)
    providers = build_providers(chosen, factory)
    accounts = AccountService(
        users=users,
        creation=chosen.account_creation,
        passwords=chosen.passwords,
        issuers={entry.id: configured_issuer(entry) for entry in chosen.providers},
        audit=audit,
        clock=clock,
    )
    return FederationComponents(
        providers=providers,
        accounts=accounts,
        review=IdentityReview(
            accounts=accounts,
            providers={entry.id: entry for entry in chosen.providers},
            max_age=chosen.identity_max_age,
            read_at=clock(),
            clock=clock,
        ),
        metrics=ProviderMetrics(registry, providers),
        http=http,
    )


def build_providers(chosen: FederationSettings, build: ProviderFactory) -> IdentityProviders:
    """All providers of the configuration, each with a redirect URI of its own (RFC 9700 section 4.4.2.2)."""
    return IdentityProviders(
        tuple(
            ConfiguredProvider(entry, build(entry, f"{chosen.issuer}{CALLBACK_PATH}{entry.id}"))
            for entry in chosen.providers
        ),
        passwords=chosen.passwords,
    )


def provider_factory(
    fetch: ProviderHttp,
    *,
    issuer: str,
    redis: RedisClient,
    clock: Callable[[], float],
    monotonic: Callable[[], float],
) -> ProviderFactory:
    """The factory of the service. `clock` gives seconds since 1970, `monotonic` seconds that never go back."""

    def build(configuration: ProviderConfiguration, redirect_uri: str) -> IdentityProvider:
        match configuration:
            case OidcProvider():
                return OidcIdentityProvider(
                    configuration, redirect_uri=redirect_uri, fetch=fetch, clock=clock, monotonic=monotonic
                )
            case GitHubProvider():
                return GitHubIdentityProvider(
                    configuration, redirect_uri=redirect_uri, fetch=fetch, clock=clock, monotonic=monotonic
                )
            case ExternalProvider():
                return ExternalIdentityProvider(
                    configuration,
                    fetch=fetch,
                    issuer=issuer,
                    used_tokens=UsedTokensRepository(redis),
                    clock=clock,
                    monotonic=monotonic,
                )

    return build
