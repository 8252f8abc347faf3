"""The authorization server metadata, at every path where clients look for it (interop.md A1, A2).

Built once from the settings, never from a request (invariant 1).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from auth_service.resources.catalogue import IDENTITY_SCOPES, OFFLINE_ACCESS
from auth_service.status_lists.identifiers import PATH as STATUS_LISTS_PATH
from shared.configured_url import origin_of, path_of
from shared.http.prepared_documents import json_document
from shared.jose.algorithms import SUPPORTED_ALGORITHMS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohttp import web

    from auth_service.resources.catalogue import ResourceCatalogue
    from shared.http.prepared_documents import Document


def server_metadata(
    *, issuer: str, resources: ResourceCatalogue, signing_algorithm: str, cimd_enabled: bool
) -> dict[str, Any]:
    """The document of RFC 8414 section 2 and OpenID Connect Discovery section 3 in one."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "registration_endpoint": f"{issuer}/register",
        "revocation_endpoint": f"{issuer}/token/revoke",
        "introspection_endpoint": f"{issuer}/token/introspect",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "status_list_aggregation_endpoint": f"{issuer}{STATUS_LISTS_PATH}",
        "scopes_supported": [*resources.scopes(), *IDENTITY_SCOPES, OFFLINE_ACCESS],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": [
            "none",
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
        ],
        "token_endpoint_auth_signing_alg_values_supported": list(SUPPORTED_ALGORITHMS),
        "introspection_endpoint_auth_methods_supported": [
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
        ],
        "introspection_endpoint_auth_signing_alg_values_supported": list(SUPPORTED_ALGORITHMS),
        "revocation_endpoint_auth_methods_supported": [
            "none",
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
        ],
        "revocation_endpoint_auth_signing_alg_values_supported": list(SUPPORTED_ALGORITHMS),
        "client_id_metadata_document_supported": cimd_enabled,
        "authorization_response_iss_parameter_supported": True,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [signing_algorithm],
        "claims_supported": [
            *("iss", "sub", "aud", "iat", "exp", "auth_time", "nonce", "at_hash"),
            *("name", "preferred_username", "email", "email_verified"),
        ],
        "claims_parameter_supported": False,
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "protected_resources": [r.identifier for r in resources.all],
    }


def metadata_paths(base_path: str, resource_paths: Sequence[str]) -> tuple[str, ...]:
    """Every path of the document (interop.md A1).

    For an issuer with a path, the inserted and appended forms; otherwise also the forms with the path of a resource on
    the same host, which some clients request.
    """
    names = ("oauth-authorization-server", "openid-configuration")
    paths = [f"/.well-known/{name}{base_path}" for name in names]
    if base_path:
        paths += [f"{base_path}/.well-known/{name}" for name in names]
    else:
        paths += [f"/.well-known/oauth-authorization-server{path}" for path in resource_paths]
    return tuple(dict.fromkeys(paths))


class MetadataEndpoint:
    """Serves the document, which does not change while the process runs."""

    def __init__(
        self, *, issuer: str, resources: ResourceCatalogue, signing_algorithm: str, cimd_enabled: bool
    ) -> None:
        document = server_metadata(
            issuer=issuer, resources=resources, signing_algorithm=signing_algorithm, cimd_enabled=cimd_enabled
        )
        self._document = json_document(json.dumps(document, indent=2).encode(), cache_control="public, max-age=300")
        origin = origin_of(issuer)
        on_same_host = [path_of(r.identifier) for r in resources.all if origin_of(r.identifier) == origin]
        self.paths = metadata_paths(path_of(issuer), on_same_host)

    async def __call__(self, _request: web.Request) -> web.StreamResponse:
        """200 with the document."""
        return self._document.response

    def find(self, _request: web.BaseRequest) -> Document:
        """The document."""
        return self._document
