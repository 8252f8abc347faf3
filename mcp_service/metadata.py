"""Protected resource metadata (RFC 9728), at both addresses, from configured constants only (invariant 1)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiohttp import web

from shared.configured_url import origin_of, path_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mcp_service.guard.scope_policy import ScopeMap

WELL_KNOWN: Final = "/.well-known/oauth-protected-resource"


@dataclass(frozen=True, slots=True)
class ProtectedResourceMetadata:
    """What clients read first. `scopes` are the least that is useful, never `offline_access` (interop.md R5)."""

    resource: str
    issuer: str
    name: str
    scopes: Sequence[str]

    @property
    def url(self) -> str:
        """The address that challenges name: the path-inserted one, which every client knows (interop.md R1)."""
        return f"{origin_of(self.resource)}{WELL_KNOWN}{path_of(self.resource)}"

    @property
    def paths(self) -> tuple[str, str]:
        """Both addresses under which the document is served (interop.md R2)."""
        return f"{WELL_KNOWN}{path_of(self.resource)}", WELL_KNOWN

    def document(self) -> dict[str, object]:
        """The members of RFC 9728 section 2. Exactly one authorization server (interop.md R4)."""
        document: dict[str, object] = {
            "resource": self.resource,
            "authorization_servers": [self.issuer],
            "bearer_methods_supported": ["header"],
            "resource_name": self.name,
        }
        # An empty list would say that no scope exists; leaving it out says that none need be named.
        if self.scopes:
            document["scopes_supported"] = list(self.scopes)
        return document


def authorization_server_entry(metadata: ProtectedResourceMetadata, declared: ScopeMap) -> dict[str, object]:
    """What the authorization server has to know of this resource: an entry of AUTH_RESOURCES.

    So the consent page speaks of the same scopes, in the same words, as the guard asks for.
    """
    return {
        "identifier": metadata.resource,
        "name": metadata.name,
        "scopes": {name: described.model_dump(exclude_defaults=True) for name, described in declared.scopes.items()},
        "default_scopes": list(declared.default),
    }


def metadata_routes(metadata: ProtectedResourceMetadata) -> list[web.RouteDef]:
    """GET on both addresses: same body, no authentication, no redirect."""
    body = json.dumps(metadata.document(), separators=(",", ":")).encode()

    async def show(_request: web.Request) -> web.Response:
        return web.Response(
            body=body, content_type="application/json", headers={"Cache-Control": "public, max-age=300"}
        )

    return [web.get(path, show) for path in metadata.paths]
