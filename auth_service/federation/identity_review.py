"""Whether the rules still accept the identity by which a grant began. The provider is not asked.

Invariant 13: access that the operator's rules take away ends at the next refresh.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auth_service.federation.accepted_identities import configured_issuer, tenant_refusal
from auth_service.federation.access_rules import refusal
from auth_service.protocol.errors import InvalidGrant
from shared.errors import ServiceUnavailable

if TYPE_CHECKING:
    from auth_service.federation.accounts import AccountService
    from auth_service.federation.configuration import ProviderConfiguration
    from auth_service.federation.identity import Identity


class IdentityRefused(InvalidGrant):
    """The identity may not sign in any more, or is not linked any more: the grant must end."""


class IdentityTooOld(InvalidGrant):
    """The user must sign in again with the identity; until then the grant is kept unchanged."""


@dataclass(frozen=True, slots=True)
class IdentityReview:
    """Reads what is known of an identity, and evaluates the rules of its provider."""

    accounts: AccountService
    providers: Mapping[str, ProviderConfiguration]
    """The configured providers, by id."""
    max_age: int | None
    """Seconds after which the user must sign in with the identity again; None for no limit."""
    read_at: float
    """When this replica read the configuration, in seconds since 1970."""
    clock: Callable[[], float]

    async def identity(self, subject: str, key: str) -> Identity:
        """The identity, as stated at its last sign-in.

        Raises IdentityRefused, IdentityTooOld, ServiceUnavailable (a provider that is not known here yet, Redis).
        """
        known = await self.accounts.known(subject, key)
        if known is None:
            raise IdentityRefused("the identity is not linked any more", error_id="identity_refused")
        identity = known.identity
        configuration = self.providers.get(identity.provider)
        if configuration is None or configured_issuer(configuration) != identity.issuer:
            # Kept to the second. Within that second it is not known which came first: nothing is ended.
            if known.signed_in_at >= int(self.read_at):
                raise ServiceUnavailable(
                    f"the provider {identity.provider} at {identity.issuer} is not configured here, but a user signed"
                    " in with it after this replica read its configuration: another replica has, or had, another one",
                    error_id="provider_configured",
                )
            raise IdentityRefused(
                f"the provider {identity.provider} was removed"
                if configuration is None
                else f"the provider {identity.provider} has another issuer than {identity.issuer}",
                error_id="identity_refused",
            )
        reason = tenant_refusal(configuration, identity) or refusal(
            allow=configuration.allow, deny=configuration.deny, identity=identity
        )
        if reason is not None:
            raise IdentityRefused(reason, error_id="identity_refused")
        signed_in_at = min(known.signed_in_at, identity.authenticated_at)
        if self.max_age is not None and self.clock() - signed_in_at > self.max_age:
            raise IdentityTooOld(
                f"the last sign-in with the identity is older than {self.max_age} s", error_id="identity_age"
            )
        return identity
