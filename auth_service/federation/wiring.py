"""Builds the identity providers from their configuration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from auth_service.federation.configuration import ExternalProvider, GitHubProvider, OidcProvider
from auth_service.federation.external.provider import ExternalIdentityProvider
from auth_service.federation.external.used_tokens_repository import UsedTokensRepository
from auth_service.federation.github.provider import GitHubIdentityProvider
from auth_service.federation.http import ProviderHttp
from auth_service.federation.identity_providers import ConfiguredProvider, IdentityProviders
from auth_service.federation.oidc.provider import OidcIdentityProvider

if TYPE_CHECKING:
    from auth_service.federation.configuration import ProviderConfiguration
    from auth_service.federation.provider import IdentityProvider
    from shared.redis.client import RedisClient

CALLBACK_PATH: Final = "/sign-in/callback/"
"""Below the issuer; the id of the provider follows."""

ProviderFactory = Callable[["ProviderConfiguration", str], "IdentityProvider"]
"""Builds the provider of an entry, with its redirect URI."""


def redirect_uri(issuer: str, provider_id: str) -> str:
    """The address to register at the provider: one for each provider (RFC 9700 section 4.4.2.2)."""
    return f"{issuer}{CALLBACK_PATH}{provider_id}"


def build_providers(
    configurations: Sequence[ProviderConfiguration],
    *,
    issuer: str,
    passwords: bool,
    build: ProviderFactory,
) -> IdentityProviders:
    """All providers of the configuration. Nothing is connected."""
    return IdentityProviders(
        tuple(ConfiguredProvider(entry, build(entry, redirect_uri(issuer, entry.id))) for entry in configurations),
        passwords=passwords,
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
