"""The refusals of the protected server, and the one place where they get their form.

Invariant 9: the public text gives nothing away; check, reason and reference meet in the log line.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from shared.errors import RequestRejected

if TYPE_CHECKING:
    from mcp_service.guard.operation import RequestId

SERVER_ERROR = -32000
"""The first of the codes that JSON-RPC leaves to implementations: for what the HTTP status already says."""


class McpError(RequestRejected):
    """A refusal of a JSON-RPC message. `rpc_id` is echoed so that the client can match the answer."""

    rpc_code: int = SERVER_ERROR
    rpc_id: RequestId = None


class Unauthenticated(McpError):
    """401 without `error`: no credential came (RFC 6750 section 3.1)."""

    status = 401
    code = "unauthorized"
    public = "Sign in to use this server."


class BadToken(McpError):
    """401: a credential came and is no good. Always the same words, whatever the reason."""

    status = 401
    code = "invalid_token"
    public = "The access token is expired, malformed, or not meant for this server."


class InsufficientScope(McpError):
    """403: the one 403 that clients answer by asking the person for more (interop.md R6)."""

    status = 403
    code = "insufficient_scope"
    public = "This operation needs more permissions than were granted."


class ForbiddenOrigin(McpError):
    """403: a page of an origin that is not allowed (MCP transports: Origin MUST be checked)."""

    status = 403
    code = "forbidden_origin"
    public = "Pages of this origin may not call this server."


class BadMessage(McpError):
    """400: the request or its JSON-RPC message is malformed."""

    rpc_code = -32600


class SignInToolResult(McpError):
    """A tool result that asks the person to sign in: 200, for clients that look nowhere else (interop.md R7)."""

    status = 200

    def __init__(self, refusal: McpError) -> None:
        super().__init__(refusal.reason, error_id=refusal.error_id, public=refusal.public, code=refusal.code)
        self.rpc_id = refusal.rpc_id
        self.challenge = refusal.headers["WWW-Authenticate"]


def render(request: web.Request, refusal: RequestRejected, request_id: str) -> web.StreamResponse:
    """Give a refusal its form: JSON-RPC where JSON-RPC is spoken, plain JSON elsewhere."""
    del request
    headers = {"Cache-Control": "no-store"} | refusal.headers
    body: dict[str, Any]
    if isinstance(refusal, SignInToolResult):
        body = _rpc(refusal.rpc_id, result=_sign_in_result(refusal, request_id))
    elif isinstance(refusal, McpError):
        data = {"error": refusal.code, "request_id": request_id}
        error = {"code": refusal.rpc_code, "message": refusal.public, "data": data}
        body = _rpc(refusal.rpc_id, error=error)
    else:
        body = {"error": refusal.code, "error_description": refusal.public, "request_id": request_id}
    return web.Response(status=refusal.status, text=json.dumps(body), content_type="application/json", headers=headers)


def _rpc(rpc_id: RequestId, **member: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": rpc_id, **member}


def _sign_in_result(refusal: SignInToolResult, request_id: str) -> dict[str, Any]:
    return {
        "resultType": "complete",
        "content": [{"type": "text", "text": f"{refusal.public} (Request ID: {request_id})"}],
        "isError": True,
        "_meta": {"mcp/www_authenticate": [refusal.challenge]},
    }
