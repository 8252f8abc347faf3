"""The questions that open a conversation on both wires of MCP, and how they are put."""

from __future__ import annotations

from typing import Any, Final

NEW_VERSION: Final = "2026-07-28"
OLD_VERSION: Final = "2025-11-25"
_ACCEPT: Final = "application/json, text/event-stream"
_INFO: Final = {"name": "sallyport-doctor", "version": "0.1"}


def new_headers(method: str) -> dict[str, str]:
    """Headers of a POST on the wire of 2026-07-28."""
    return {"Accept": _ACCEPT, "MCP-Protocol-Version": NEW_VERSION, "Mcp-Method": method}


def old_headers(*, initialized: bool = False) -> dict[str, str]:
    """Headers of a POST on the older wire; the version is named after `initialize` only."""
    headers = {"Accept": _ACCEPT}
    if initialized:
        headers["MCP-Protocol-Version"] = OLD_VERSION
    return headers


def initialize() -> dict[str, Any]:
    """The opening of the older wire."""
    params = {"protocolVersion": OLD_VERSION, "capabilities": {}, "clientInfo": _INFO}
    return {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}


def new_request(method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
    """A request on the wire of 2026-07-28, which carries its context in every request."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": NEW_VERSION,
        "io.modelcontextprotocol/clientInfo": _INFO,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**(params or {}), "_meta": meta}}


def old_request(method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
    """A request on the older wire."""
    return {"jsonrpc": "2.0", "id": 2, "method": method, "params": params or {}}
