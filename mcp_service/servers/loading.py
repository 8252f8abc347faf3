"""The operator's server and scope map, imported by name. Every fault is reported at start."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from mcp.server import MCPServer
from mcp.server.lowlevel import Server
from pydantic import ValidationError

from mcp_service.guard.scope_map import ScopeMap
from shared.errors import Misconfigured
from shared.jose.strict_json import parse_json

AnyServer = MCPServer[Any] | Server[Any]


def load_server(name: str) -> AnyServer:
    """The server at `package.module:attribute`; a function without arguments is called. Raises Misconfigured."""
    found = _load(name, "MCP_SERVER")
    if not isinstance(found, MCPServer | Server) and callable(found):
        found = found()
    if not isinstance(found, MCPServer | Server):
        raise Misconfigured(f"MCP_SERVER: {name} is of type {type(found).__name__}, not an MCPServer of the mcp SDK")
    return found


def load_scope_map(text: str) -> ScopeMap:
    """The map at `package.module:attribute`, or in the text itself if that is JSON. Raises Misconfigured."""
    if text.lstrip().startswith("{"):
        try:
            found = parse_json(text.encode())
        except ValueError as exc:
            raise Misconfigured(f"MCP_SCOPES: {exc}") from exc
    else:
        found = _load(text, "MCP_SCOPES")
    if isinstance(found, ScopeMap):
        return found
    if not isinstance(found, Mapping):
        raise Misconfigured(f"MCP_SCOPES: {text} is of type {type(found).__name__}, not a dict")
    try:
        return ScopeMap.model_validate(dict(found))
    except ValidationError as exc:
        problems = (
            f"MCP_SCOPES: {'.'.join(str(part) for part in error['loc'])}: {error['msg'].removeprefix('Value error, ')}"
            for error in exc.errors(include_input=False, include_url=False)
        )
        raise Misconfigured("\n".join(problems)) from exc


def _load(name: str, setting: str) -> Any:
    module_name, colon, attribute = name.partition(":")
    if not colon or not module_name or not attribute:
        raise Misconfigured(f"{setting}: {name!r} is not of the form package.module:attribute")
    try:
        found: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            found = getattr(found, part)
    except ImportError as exc:
        raise Misconfigured(f"{setting}: {module_name} cannot be imported: {exc}") from exc
    except AttributeError as exc:
        raise Misconfigured(f"{setting}: {exc}") from exc
    return found
