"""Builds the guard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mcp_service.guard.bearer import AllowedOrigins, BearerAuthenticator, GuardMetrics
from mcp_service.guard.errors import Challenger
from mcp_service.guard.operation import ScopeRules
from mcp_service.guard.rate_limits import RequestLimits
from mcp_service.issuer.scope_check import IssuerScopeCheck
from shared.access_tokens.profile import AccessTokenPolicy
from shared.access_tokens.verifier import TokenVerifier
from shared.ip_addresses import parse_networks

if TYPE_CHECKING:
    from mcp_service.guard.scope_map import ScopeMap
    from mcp_service.jwks.cache import JwksCache
    from mcp_service.runtime import Runtime
    from mcp_service.status_lists.cache import StatusListCache


@dataclass(frozen=True, slots=True)
class GuardComponents:
    """The ordered checks and what the servers share of them: verifier, scope rules, limits of requests in progress."""

    verifier: TokenVerifier
    authenticator: BearerAuthenticator
    rules: ScopeRules
    limits: RequestLimits


def wire_guard(
    runtime: Runtime, *, keys: JwksCache, status_lists: StatusListCache, scopes: ScopeMap, metadata_url: str
) -> GuardComponents:
    """Build the components. `metadata_url` is the address that challenges name."""
    settings = runtime.settings
    rules = ScopeRules(scopes, allow_anonymous=settings.allow_anonymous)
    limits = RequestLimits(
        shared_networks=parse_networks(settings.rate_limit_shared_networks),
        registry=runtime.registry,
        enabled=settings.rate_limits == "on",
        clock=runtime.monotonic,
    )
    verifier = TokenVerifier(
        keys=keys,
        policy=AccessTokenPolicy(
            issuer=settings.issuer,
            audiences=frozenset({settings.resource, *settings.resource_aliases}),
            algorithms=frozenset(settings.algorithms),
        ),
        status_lists=status_lists,
        clock=runtime.clock,
    )
    authenticator = BearerAuthenticator(
        verifier=verifier,
        rules=rules,
        challenger=Challenger(metadata_url, frozenset(c.lower() for c in settings.tool_result_auth_clients)),
        origins=AllowedOrigins(settings.resource, settings.allowed_origins),
        limits=limits,
        metrics=GuardMetrics(runtime.registry),
    )
    return GuardComponents(verifier, authenticator, rules, limits)


def wire_scope_check(runtime: Runtime, scopes: ScopeMap) -> IssuerScopeCheck:
    """Build the comparison of the scope map with what the issuer says of scopes."""
    return IssuerScopeCheck(
        tuple(scopes.scopes),
        issuer=runtime.settings.issuer,
        registry=runtime.registry,
        log=runtime.log,
        enabled=runtime.settings.scope_check == "on",
    )
