"""A first scope map, suggested from the lists of a server. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from mcp_service.guard.name_patterns import is_pattern
from shared.scopes import is_scope_token

if TYPE_CHECKING:
    from mcp_service.servers.server_contents import ServerContents

MAX_NAMED_RESOURCES: Final = 30
"""Above this number resources are named by their scheme."""

_MAX_PREFIX: Final = 40
_NOISE: Final = frozenset({"mcp", "server", "the", "modelcontextprotocol"})


def suggested_scope_map(contents: ServerContents, *, prefix: str | None = None) -> dict[str, Any]:
    """The map as plain JSON values, as `MCP_SCOPES` accepts it.

    A tool without `readOnlyHint` needs the write scope, and a bare `*` requires it of tools that the server gets later.
    Lists, prompts and resources need the read scope.
    """
    first = prefix or scope_prefix(contents.name)
    read, write = f"{first}:read", f"{first}:write"
    title = " ".join(contents.name.split())[:80] or first
    return {
        "scopes": {
            read: {"description": f"Read with {title}"},
            write: {"description": f"Use all tools of {title}, also those that change something", "implies": [read]},
        },
        "default": [read],
        "initial": [read, write],
        # A name with * would be a pattern.
        "tools": {
            **{t.name: read if t.reads_only else write for t in contents.tools if not is_pattern(t.name)},
            "*": write,
        },
        "resources": dict.fromkeys(_resource_keys(contents), read),
        "prompts": {name: read for name in contents.prompts if not is_pattern(name)},
    }


def scope_prefix(name: str) -> str:
    """A short name for scopes from a server's name: `Acme Weather MCP Server` is `acme-weather`; `mcp` if none is left.

    A package name such as `@acme/server-weather` counts from its last slash.
    """
    plain = unicodedata.normalize("NFKD", name.rpartition("/")[2]).encode("ascii", "ignore").decode().lower()
    words = [word for word in re.split(r"[^a-z0-9]+", plain) if word and word not in _NOISE]
    return "-".join(words)[:_MAX_PREFIX].strip("-") or "mcp"


def valid_prefix(prefix: str) -> bool:
    """Whether scopes can begin with this prefix."""
    return is_scope_token(prefix)


def _resource_keys(contents: ServerContents) -> list[str]:
    if len(contents.resources) + len(contents.templates) > MAX_NAMED_RESOURCES:
        return list(dict.fromkeys(f"{urlsplit(uri).scheme}://*" for uri in (*contents.resources, *contents.templates)))
    # A template is looked up by its text; the pattern also covers every URI that it makes.
    return [*contents.resources, *(f"{template.partition('{')[0]}*" for template in contents.templates)]
