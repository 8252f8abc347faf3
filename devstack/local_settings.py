"""The settings of both services on one machine, for `make run` and for tests. There is no drain at a stop.

`AUTH_*` and `MCP_*` variables of the environment take precedence.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from mcp_service.metadata import WELL_KNOWN
from mcp_service.notes.scopes import NOTES_SCOPES
from shared.configured_url import is_loopback_host, origin_of, path_of

LOOPBACK: Final = "127.0.0.0/8,::1"


def notes_resource(identifier: str) -> dict[str, Any]:
    """The declaration of the notes example for AUTH_RESOURCES."""
    return {
        "identifier": identifier,
        "name": "Notes",
        "scopes": NOTES_SCOPES["scopes"],
        "default_scopes": NOTES_SCOPES["initial"],
    }


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """The settings of one deployment of both services."""

    issuer: str
    resource: str
    hosts: Sequence[str]
    auth_store_url: str
    notes_store_url: str
    """Of the notes example; empty for another server."""
    key_encryption_key_file: Path
    log_format: str = "console"
    auth_url: str = ""
    """Where mcp_service reaches auth_service, when the issuer is the address of a gateway; else empty."""
    mcp_url: str = ""
    """Likewise where auth_service reaches mcp_service."""

    def for_auth(self, port: int, environment: Mapping[str, str], *, resources: str = "") -> dict[str, str]:
        """The environment of auth_service. `environment` supplies PATH and the like, and overrides the defaults.

        `resources` is the JSON of AUTH_RESOURCES; that of the notes example if empty.
        """
        declared = json.loads(resources) if resources else [notes_resource(self.resource)]
        if self.mcp_url:
            metadata_path = f"{WELL_KNOWN}{path_of(self.resource)}"
            declared = [{**resource, "metadata_url": f"{self.mcp_url}{metadata_path}"} for resource in declared]
        defaults = {
            "AUTH_ISSUER": self.issuer,
            "AUTH_RESOURCES": json.dumps(declared),
            "AUTH_REDIS_URL": self.auth_store_url,
            "AUTH_HOST": ",".join(self.hosts),
            "AUTH_LOG_FORMAT": self.log_format,
            "AUTH_DRAIN_SECONDS": "0",
            **({"AUTH_TRUSTED_PROXIES": LOOPBACK} if self.mcp_url else {}),
        }
        if not environment.get("AUTH_KEY_ENCRYPTION_KEY"):
            defaults["AUTH_KEY_ENCRYPTION_KEY_FILE"] = str(self.key_encryption_key_file)
        return {**_without(environment, "MCP_", "DEMO_"), **_unless_set(environment, defaults), "AUTH_PORT": str(port)}

    def for_mcp(self, port: int, environment: Mapping[str, str]) -> dict[str, str]:
        """The environment of mcp_service: no secret of auth_service, no access to its Redis (invariant 2)."""
        defaults = {
            "MCP_ISSUER": self.issuer,
            "MCP_RESOURCE": self.resource,
            "MCP_HOST": ",".join(self.hosts),
            "MCP_LOG_FORMAT": self.log_format,
            "MCP_DRAIN_SECONDS": "0",
        }
        if self.auth_url:
            defaults["MCP_JWKS_URL"] = f"{self.auth_url}/.well-known/jwks.json"
            defaults["MCP_STATUS_LISTS_URL"] = f"{self.auth_url}/status-lists"
            defaults["MCP_TRUSTED_PROXIES"] = LOOPBACK
        if self.notes_store_url:
            defaults["MCP_NOTES_REDIS_URL"] = self.notes_store_url
        if not environment.get("MCP_ISSUER") and _are_two_local_origins(self.issuer, self.resource):
            defaults["MCP_FORWARD_OAUTH_TO"] = origin_of(self.issuer)
        return {**_without(environment, "AUTH_", "DEMO_"), **_unless_set(environment, defaults), "MCP_PORT": str(port)}


def _are_two_local_origins(issuer: str, resource: str) -> bool:
    hosts = (urlsplit(url).hostname or "" for url in (issuer, resource))
    return all(map(is_loopback_host, hosts)) and origin_of(issuer) != origin_of(resource)


def _without(environment: Mapping[str, str], *prefixes: str) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith(prefixes)}


def _unless_set(environment: Mapping[str, str], defaults: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in defaults.items()
        if not environment.get(name) and not environment.get(f"{name}_FILE")
    }
