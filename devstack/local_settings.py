"""The settings with which both services start on one's own machine: what `make run` and the tests pass them.

No load balancer stands in front of them, so a stop has no drain.

A person's own `AUTH_*` and `MCP_*` variables win over everything here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp_service.notes.scopes import NOTES_SCOPES


def notes_resource(identifier: str) -> dict[str, Any]:
    """The declaration of the notes example for AUTH_RESOURCES."""
    return {
        "identifier": identifier,
        "name": "Notes",
        "scopes": {name: scope.model_dump(mode="json") for name, scope in NOTES_SCOPES.scopes.items()},
        "default_scopes": list(NOTES_SCOPES.default),
    }


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """One pair: who the two doors are, where they listen, where they keep things."""

    issuer: str
    resource: str
    hosts: Sequence[str]
    auth_store_url: str
    notes_store_url: str
    key_encryption_key_file: Path
    log_format: str = "console"

    def for_auth(self, port: int, own: Mapping[str, str], *, resources: str = "") -> dict[str, str]:
        """auth_service's environment. `own` is the person's; from it come PATH and the like, and what overrides.

        `resources` is the JSON of AUTH_RESOURCES; the notes example's when empty.
        """
        defaults = {
            "AUTH_ISSUER": self.issuer,
            "AUTH_RESOURCES": resources or json.dumps([notes_resource(self.resource)]),
            "AUTH_REDIS_URL": self.auth_store_url,
            "AUTH_HOST": ",".join(self.hosts),
            "AUTH_LOG_FORMAT": self.log_format,
            "AUTH_DRAIN_SECONDS": "0",
        }
        if not own.get("AUTH_KEY_ENCRYPTION_KEY"):
            defaults["AUTH_KEY_ENCRYPTION_KEY_FILE"] = str(self.key_encryption_key_file)
        return {**_without(own, "MCP_", "DEMO_"), **_unless_set(own, defaults), "AUTH_PORT": str(port)}

    def for_mcp(self, port: int, own: Mapping[str, str]) -> dict[str, str]:
        """mcp_service's environment: no secret of auth_service, no way to its store (invariant 2)."""
        defaults = {
            "MCP_ISSUER": self.issuer,
            "MCP_RESOURCE": self.resource,
            "MCP_HOST": ",".join(self.hosts),
            "MCP_LOG_FORMAT": self.log_format,
            "MCP_DRAIN_SECONDS": "0",
            "MCP_NOTES_REDIS_URL": self.notes_store_url,
        }
        return {**_without(own, "AUTH_", "DEMO_"), **_unless_set(own, defaults), "MCP_PORT": str(port)}


def _without(own: Mapping[str, str], *prefixes: str) -> dict[str, str]:
    return {name: value for name, value in own.items() if not name.startswith(prefixes)}


def _unless_set(own: Mapping[str, str], defaults: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in defaults.items() if not own.get(name) and not own.get(f"{name}_FILE")}
