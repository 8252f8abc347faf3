"""A server with a scope that clients request only when a call needs it (step-up authorization).

MCP_SERVER=examples.step_up:server MCP_SCOPES=examples.step_up:scopes make run

A client connects with `ledger:read`. Its first call of `pay` gets 403 with `insufficient_scope` and the scopes of the
call; the client asks the user for them, and repeats the call with the new token.
"""

from __future__ import annotations

from mcp.server import MCPServer

server = MCPServer("Ledger", version="1.0")

scopes = {
    "scopes": {
        "ledger:read": "See your payments",
        "ledger:pay": {"description": "Pay from your account", "implies": ["ledger:read"]},
    },
    "default": "ledger:read",
    "tools": {"pay": "ledger:pay"},
}

_payments: list[str] = []


@server.tool()
async def payments() -> list[str]:
    """List the payments."""
    return _payments


@server.tool()
async def pay(to: str, cents: int) -> str:
    """Pay an amount."""
    _payments.append(f"{cents} cents to {to}")
    return _payments[-1]
