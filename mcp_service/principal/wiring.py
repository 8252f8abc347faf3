"""Builds the handover of the principal to the server behind the guard."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import ThreadedResolver

from mcp_service.principal.assertion import PrincipalAssertions
from mcp_service.principal.handover import NoHandover
from mcp_service.principal.identity_headers import PrincipalHeaders
from mcp_service.principal.jwks_endpoint import FILE, OwnJwksEndpoint
from mcp_service.principal.key_pairs import InvalidOwnKey, configured
from mcp_service.principal.own_keys import ConfiguredKeys, StoredKeys
from mcp_service.principal.private_peers import PrivatePeers, PrivateResolver
from shared.errors import Misconfigured
from shared.scopes import ScopeHierarchy

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver

    from mcp_service.guard.scope_map import ScopeMap
    from mcp_service.principal.handover import PrincipalHandover
    from mcp_service.principal.own_keys import OwnKeysSource
    from mcp_service.runtime import Runtime
    from mcp_service.settings import McpSettings


@dataclass(frozen=True, slots=True)
class OwnKeyComponents:
    """The guard's own keys: to be started, stopped, published, and checked by /readyz."""

    source: OwnKeysSource
    endpoint: OwnJwksEndpoint
    jwks_uri: str


@dataclass(frozen=True, slots=True)
class PrincipalComponents:
    """The handover for the connection to the server, and the guard's own keys for the application."""

    handover: PrincipalHandover
    peers: PrivatePeers | None = None
    """The addresses that a connection may have; None if any may be reached."""
    own_keys: OwnKeyComponents | None = None
    """Only where assertions are signed."""

    def resolver(self) -> AbstractResolver:
        """Make the resolver for connections to the server. Needs a running event loop."""
        return ThreadedResolver() if self.peers is None else PrivateResolver(ThreadedResolver(), self.peers)


def wire_principal(runtime: Runtime, scopes: ScopeMap) -> PrincipalComponents:
    """Build the components that MCP_UPSTREAM_IDENTITY selects. Raises Misconfigured."""
    settings = runtime.settings
    hierarchy = ScopeHierarchy({name: described.implies for name, described in scopes.scopes.items()})
    if settings.upstream_identity == "none":
        return PrincipalComponents(NoHandover())
    if settings.upstream_identity == "headers":
        handover = PrincipalHeaders(scopes=hierarchy, claims=settings.upstream_claims)
        return PrincipalComponents(handover, peers=PrivatePeers(settings.private_networks))
    keys = _own_keys(settings, runtime)
    assertions = PrincipalAssertions(
        signer=keys,
        resource=settings.resource,
        audience=settings.upstream_audience or settings.upstream or "",
        scopes=hierarchy,
        claims=settings.upstream_claims,
        clock=runtime.clock,
    )
    endpoint = OwnJwksEndpoint(keys=keys, resource_path=settings.path)
    return PrincipalComponents(assertions, own_keys=OwnKeyComponents(keys, endpoint, settings.resource + FILE))


def _own_keys(settings: McpSettings, runtime: Runtime) -> OwnKeysSource:
    if settings.upstream_key is not None:
        try:
            return ConfiguredKeys(configured(settings.upstream_key.get_secret_value()))
        except InvalidOwnKey as exc:
            raise Misconfigured(f"MCP_UPSTREAM_KEY: {exc}") from exc
    return StoredKeys(
        directory=Path(settings.state_dir or ""),
        rotation_interval_seconds=settings.upstream_key_rotation_interval,
        log=runtime.log,
        clock=runtime.clock,
        monotonic=runtime.monotonic,
    )
