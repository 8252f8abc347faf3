"""Protected resource metadata (RFC 9728) at both addresses, from configured constants only (invariant 1)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

from shared.configured_url import origin_of, path_of
from shared.http.prepared_documents import Document, json_document
from shared.scope_difference import RESOURCE_SCOPES, published_scopes

if TYPE_CHECKING:
    from aiohttp import web

    from shared.scopes import ScopeDescription

WELL_KNOWN: Final = "/.well-known/oauth-protected-resource"


@dataclass(frozen=True)
class ProtectedResourceMetadata:
    """The document that clients read first (RFC 9728). `scopes` are those requested first.

    They never include `offline_access` (interop.md R5).
    """

    resource: str
    issuer: str
    name: str
    scopes: Sequence[str]
    all_scopes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Every scope with those that it implies. Public: challenges name them anyway; no tool is named."""
    jwks_uri: str | None = None
    """The address of the resource's own JWKS, if it has one."""

    @property
    def url(self) -> str:
        """The address that challenges name: the path-inserted one, which every client supports (interop.md R1)."""
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
        # An empty list would mean that no scope exists; without the member, a client need not name one.
        if self.scopes:
            document["scopes_supported"] = list(self.scopes)
        if self.all_scopes:
            document[RESOURCE_SCOPES] = published_scopes(self.all_scopes)
        if self.jwks_uri is not None:
            document["jwks_uri"] = self.jwks_uri
        return document

    @cached_property
    def _served(self) -> Document:
        body = json.dumps(self.document(), separators=(",", ":")).encode()
        return json_document(body, cache_control="public, max-age=300")

    def find(self, _request: web.BaseRequest) -> Document:
        """The document, for requests that are answered before the application."""
        return self._served

    async def handle(self, _request: web.Request) -> web.Response:
        """GET at both addresses: the same body, without authentication and redirects."""
        return self._served.response


def authorization_server_entry(
    metadata: ProtectedResourceMetadata, scopes: Mapping[str, ScopeDescription], *, read_at: str | None = None
) -> dict[str, object]:
    """The entry of AUTH_RESOURCES for this resource: the consent page then shows the scopes that the guard requires.

    `read_at` is the origin where auth_service reads the metadata, if it does not reach the public one.
    """
    entry: dict[str, object] = {
        "identifier": metadata.resource,
        "name": metadata.name,
        "scopes": {name: described.model_dump(exclude_defaults=True) for name, described in scopes.items()},
        "default_scopes": list(metadata.scopes),
    }
    return entry if read_at is None else {**entry, "metadata_url": f"{read_at}{metadata.paths[0]}"}
