"""Builds the guard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mcp_service.guard.bearer import AllowedOrigins, BearerAuthenticator, GuardMetrics
from mcp_service.guard.errors import Challenger
from mcp_service.guard.scope_policy import ScopeMap, ScopeRules
from shared.access_tokens.profile import AccessTokenPolicy
from shared.access_tokens.verifier import TokenVerifier

if TYPE_CHECKING:
    from mcp_service.jwks.cache import JwksCache
    from mcp_service.runtime import Runtime


@dataclass(frozen=True, slots=True)
class GuardComponents:
    """The ordered checks, and the scope rules, which the servers announce."""

    authenticator: BearerAuthenticator
    rules: ScopeRules


def wire_guard(runtime: Runtime, *, keys: JwksCache, scopes: ScopeMap, metadata_url: str) -> GuardComponents:
    """Build the components. `metadata_url` is the address that challenges name."""
    settings = runtime.settings
    rules = ScopeRules(scopes, allow_anonymous=settings.allow_anonymous)
    authenticator = BearerAuthenticator(
        verifier=TokenVerifier(
            keys=keys,
            policy=AccessTokenPolicy(
                issuer=settings.issuer,
                audiences=frozenset({settings.resource, *settings.resource_aliases}),
                algorithms=frozenset(settings.algorithms),
            ),
            clock=runtime.clock,
        ),
        rules=rules,
        challenger=Challenger(metadata_url),
        origins=AllowedOrigins(settings.resource, settings.allowed_origins),
        metrics=GuardMetrics(runtime.registry),
        tool_result_auth_clients=settings.tool_result_auth_clients,
    )
    return GuardComponents(authenticator, rules)
