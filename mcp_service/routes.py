"""The endpoints of mcp_service, access to them by pages of other origins, and what makes the service ready."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from shared.http.application import Cors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mcp_service.issuer.scope_check import IssuerScopeCheck
    from mcp_service.jwks.wiring import JwksComponents
    from mcp_service.metadata import ProtectedResourceMetadata
    from mcp_service.principal.wiring import OwnKeyComponents
    from mcp_service.servers.wiring import ServerComponents
    from mcp_service.status_lists.wiring import StatusListComponents
    from shared.http.health import ReadinessCheck


def endpoints(
    endpoint_paths: Iterable[str], servers: ServerComponents, metadata: ProtectedResourceMetadata
) -> list[web.RouteDef]:
    """The MCP endpoint and its metadata."""
    return [
        *(web.route("*", path, servers.endpoint.handle) for path in endpoint_paths),
        *(web.get(path, metadata.handle) for path in metadata.paths),
    ]


def cors_policies(endpoint_paths: Iterable[str], metadata: ProtectedResourceMetadata) -> dict[str, Cors]:
    """Cross-origin access (interop.md R9), by path."""
    return {
        **dict.fromkeys(endpoint_paths, Cors("POST, GET, DELETE, OPTIONS")),
        **dict.fromkeys(metadata.paths, Cors("GET, OPTIONS")),
    }


def readiness_checks(
    jwks: JwksComponents,
    status_lists: StatusListComponents,
    servers: ServerComponents,
    scope_check: IssuerScopeCheck,
    own_keys: OwnKeyComponents | None,
) -> Mapping[str, ReadinessCheck]:
    """The readiness checks by name; each must hold for `/readyz`."""
    checks: dict[str, ReadinessCheck] = {
        "keys": jwks.cache.readiness,
        "status_lists": status_lists.cache.readiness,
        "server": servers.server.readiness,
        "scopes": scope_check.readiness,
    }
    return checks if own_keys is None else {**checks, "assertion_keys": own_keys.source.readiness}
