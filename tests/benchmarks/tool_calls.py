"""Tool calls as bytes, on the wires of two versions of the protocol."""

from __future__ import annotations

import json
from typing import Any

MODERN, OLDER = "2026-07-28", "2025-11-25"


def tool_call(token: str | None, tool: str, arguments: dict[str, Any], *, protocol: str = MODERN) -> bytes:
    """One call; on the older wire without a session. None is no token."""
    params: dict[str, Any] = {"name": tool, "arguments": arguments}
    own = f"Authorization: Bearer {token}\r\n" if token is not None else ""
    if protocol == MODERN:
        params["_meta"] = {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        own += f"Mcp-Method: tools/call\r\nMcp-Name: {tool}\r\n"
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    return (
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: {protocol}\r\n{own}"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()
