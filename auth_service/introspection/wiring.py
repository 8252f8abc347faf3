"""Builds introspection, revocation and UserInfo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auth_service.introspection.introspect import IntrospectEndpoint
from auth_service.introspection.introspector import TokenIntrospector
from auth_service.introspection.revoke import RevokeEndpoint
from auth_service.introspection.userinfo import UserInfoEndpoint
from shared.access_tokens.profile import AccessTokenPolicy
from shared.access_tokens.verifier import TokenVerifier

if TYPE_CHECKING:
    from auth_service.clients.authenticator import ClientAuthenticator
    from auth_service.grants.components import GrantComponents
    from auth_service.runtime import Runtime
    from shared.access_tokens.verifier import VerificationKeyResolver


@dataclass(frozen=True, slots=True)
class IntrospectionComponents:
    """The three endpoints that take a token."""

    introspect: IntrospectEndpoint
    revoke: RevokeEndpoint
    userinfo: UserInfoEndpoint


def wire_introspection(
    runtime: Runtime,
    *,
    authenticator: ClientAuthenticator,
    grants: GrantComponents,
    keys: VerificationKeyResolver,
) -> IntrospectionComponents:
    """Build the components."""
    issuer = runtime.settings.issuer
    introspector = TokenIntrospector(
        verifier=TokenVerifier(
            keys=keys,
            policy=AccessTokenPolicy(
                issuer=issuer, audiences=frozenset(r.identifier for r in grants.resources.all), leeway_seconds=0
            ),
            clock=runtime.clock,
        ),
        grants=grants.repository,
        refresh_tokens=grants.refresh_tokens,
        clock=runtime.clock,
    )
    return IntrospectionComponents(
        introspect=IntrospectEndpoint(issuer=issuer, authenticator=authenticator, introspector=introspector),
        revoke=RevokeEndpoint(
            authenticator=authenticator,
            introspector=introspector,
            grants=grants.repository,
            audit=grants.audit,
        ),
        userinfo=UserInfoEndpoint(introspector=introspector, users=grants.users),
    )
