"""Builds the token endpoint with the handlers of its grant types."""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING

from prometheus_client import Counter

from auth_service.grants.activation import GrantActivation
from auth_service.grants.grant import GrantLifetimes
from auth_service.token_endpoint.authorization_code import AuthorizationCodeHandler
from auth_service.token_endpoint.endpoint import ClientLimit, TokenEndpoint, TokenSetIssuer
from auth_service.token_endpoint.refresh_token import RefreshRecorder, RefreshTokenHandler
from auth_service.token_endpoint.scope_policy import ScopePolicy, UserReview
from auth_service.tokens.issuer import AccessTokenIssuer, IdTokenIssuer

if TYPE_CHECKING:
    from auth_service.clients.wiring import ClientComponents
    from auth_service.federation.identity_review import IdentityReview
    from auth_service.grants.components import GrantComponents
    from auth_service.keys.wiring import KeyComponents
    from auth_service.rate_limits.limits import RateLimits
    from auth_service.runtime import Runtime
    from auth_service.token_endpoint.rate_limit_exemption import RateLimitExemption


def wire_token_endpoint(
    runtime: Runtime,
    *,
    exemption: RateLimitExemption,
    clients: ClientComponents,
    grants: GrantComponents,
    keys: KeyComponents,
    identities: IdentityReview,
    ending_users: Container[str],
    limits: RateLimits,
) -> TokenEndpoint:
    """Build the endpoint."""
    settings, registry = runtime.settings, runtime.registry
    tokens = TokenSetIssuer(
        access_tokens=AccessTokenIssuer(
            issuer=settings.issuer, lifetime_seconds=settings.access_token_ttl, signer=keys.signer
        ),
        id_tokens=IdTokenIssuer(issuer=settings.issuer, signer=keys.ring),
        refresh_tokens=grants.refresh_tokens,
    )
    lifetimes = GrantLifetimes.from_settings(settings)
    scope_policy = ScopePolicy(
        resources=grants.resources,
        read_at_ms=int(runtime.clock() * 1000),
        ending_users=ending_users,
        users=UserReview(identities=identities, users=grants.users, grants=grants.repository, audit=grants.audit),
    )
    code = AuthorizationCodeHandler(
        grants=grants.repository,
        activation=GrantActivation(
            grants=grants.repository,
            users=grants.users,
            max_grants_per_client=settings.max_grants_per_client,
            audit=grants.audit,
            log=runtime.log,
        ),
        scope_policy=scope_policy,
        tokens=tokens,
        lifetimes=lifetimes,
        audit=grants.audit,
    )
    outcomes = Counter("sallyport_refresh_token_requests", "Refresh tokens presented.", ("outcome",), registry=registry)
    refresh = RefreshTokenHandler(
        grants=grants.repository,
        scope_policy=scope_policy,
        tokens=tokens,
        lifetimes=lifetimes,
        limits=limits,
        recorder=RefreshRecorder(grants.audit, outcomes),
    )
    return TokenEndpoint(
        authenticator=clients.authenticator,
        registrations=clients.resolver,
        handlers=(code, refresh),
        limits=ClientLimit(limits, exemption),
        issued=Counter("sallyport_tokens_issued", "Access tokens issued.", ("grant_type",), registry=registry),
        clock=runtime.clock,
    )
