"""MCP requests of revision 2026-07-28 (current) and of those with `initialize` (legacy). Pure."""

from __future__ import annotations

from typing import Any, Final

CURRENT_VERSION: Final = "2026-07-28"
LEGACY_VERSION: Final = "2025-11-25"
BROWSER_ORIGIN: Final = "http://localhost:6274"
"""The default origin of the MCP Inspector."""
BROWSER_HEADERS: Final = (
    "authorization",
    "content-type",
    "accept",
    "mcp-protocol-version",
    "mcp-method",
    "mcp-name",
    "mcp-session-id",
    "last-event-id",
)
"""The headers that browser clients send to the endpoint (docs/interop.md R9)."""
UNKNOWN_METHOD: Final = "doctor/unknown"
_ACCEPT: Final = "application/json, text/event-stream"
_INFO: Final = {"name": "sallyport-doctor", "version": "0.1"}


def current_headers(method: str) -> dict[str, str]:
    """Headers of a POST of revision 2026-07-28."""
    return {"Accept": _ACCEPT, "MCP-Protocol-Version": CURRENT_VERSION, "Mcp-Method": method}


def legacy_headers(*, initialized: bool = False) -> dict[str, str]:
    """Headers of a legacy POST; the version header is sent only after `initialize`."""
    headers = {"Accept": _ACCEPT}
    if initialized:
        headers["MCP-Protocol-Version"] = LEGACY_VERSION
    return headers


def initialize() -> dict[str, Any]:
    """The legacy opening request."""
    params = {"protocolVersion": LEGACY_VERSION, "capabilities": {}, "clientInfo": _INFO}
    return {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}


def current_request(method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
    """A request of revision 2026-07-28, which carries the client context in `_meta`."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": CURRENT_VERSION,
        "io.modelcontextprotocol/clientInfo": _INFO,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**(params or {}), "_meta": meta}}


def legacy_request(method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
    """A legacy request."""
    return {"jsonrpc": "2.0", "id": 2, "method": method, "params": params or {}}
