"""The MCP endpoint of the model server, for both protocol revisions."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable

NEW = "2026-07-28"
TOOLS = [
    {"name": "whoami", "inputSchema": {"type": "object"}},
    {
        "name": "add_note",
        "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
        "securitySchemes": [{"type": "oauth2", "scopes": ["notes:write"]}],
        "_meta": {"securitySchemes": [{"type": "oauth2", "scopes": ["notes:write"]}]},
    },
]


def rpc(result):
    """A JSON-RPC answer."""
    return web.json_response({"jsonrpc": "2.0", "id": 1, "result": result})


class Endpoint:
    """Accepts calls with a token that the flow has issued; mixed with the flow and the metadata in `HealthyServer`."""

    access_tokens: dict[str, float]
    challenge: Callable[..., str]

    @property
    def metadata_url(self):
        raise NotImplementedError

    async def answer_mcp(self, request):
        presented = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        if not presented:
            return self.refuse(None)
        if not self.accepts(presented):
            return self.refuse("invalid_token")
        return await self.answer_call(request)

    def refuse(self, error):
        return web.json_response(
            {"error": "unauthorized"}, status=401, headers={"WWW-Authenticate": self.challenge(error=error)}
        )

    def accepts(self, token):
        return self.access_tokens.get(token, 0) > time.time()

    async def answer_call(self, request):
        call = await request.json()
        results = {
            "initialize": {
                "protocolVersion": "2025-11-25",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "model", "version": "1"},
            },
            "server/discover": {"supportedVersions": [NEW], "capabilities": {"tools": {}}, "ttlMs": 0},
            "tools/list": {"tools": self.tools()},
        }
        if call.get("method") == "tools/call" and call["params"]["name"] == "add_note":
            return self.demand_more()
        result = results.get(call.get("method"))
        body = {"jsonrpc": "2.0", "id": call.get("id")}
        if result is None:
            status = 404 if request.headers.get("MCP-Protocol-Version") == NEW else 200
            return web.json_response({**body, "error": {"code": -32601, "message": "no such method"}}, status=status)
        return web.json_response({**body, "result": result})

    def tools(self):
        return TOOLS

    def demand_more(self):
        """No token of this model carries notes:write."""
        told = ", ".join(f'{name}="{value}"' for name, value in self.step_up().items())
        return web.json_response(
            {"error": "insufficient_scope"}, status=403, headers={"WWW-Authenticate": f"Bearer {told}"}
        )

    def step_up(self):
        return {
            "error": "insufficient_scope",
            "scope": "notes:read notes:write",
            "resource_metadata": self.metadata_url,
        }
