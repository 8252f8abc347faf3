"""Whether an identity belongs to the current entry of its provider, whose issuer or tenants may have changed. Pure.

The rules of an entry are about the users of its issuer, and of its directories (invariant 13).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auth_service.federation.configuration import ExternalProvider, GitHubProvider, OidcProvider
from auth_service.federation.oidc.presets import profile_of

if TYPE_CHECKING:
    from auth_service.federation.configuration import ProviderConfiguration
    from auth_service.federation.identity import Identity


def configured_issuer(configuration: ProviderConfiguration) -> str:
    """The issuer of all identities of a provider; with TENANT_PLACEHOLDER if each tenant is an issuer."""
    match configuration:
        case GitHubProvider():
            return configuration.origin
        case ExternalProvider():
            return configuration.issuer
        case _:
            return profile_of(configuration).issuer


def tenant_refusal(configuration: ProviderConfiguration, identity: Identity) -> str | None:
    """Why an Entra entry for several tenants refuses the tenant of the identity, for the log; None if it accepts it."""
    if not isinstance(configuration, OidcProvider):
        return None
    profile = profile_of(configuration)
    # The subject is the tenant, a dot, and the object there (oidc/presets.py).
    return profile.tenant_refusal(identity.subject.partition(".")[0]) if profile.has_several_tenants else None
