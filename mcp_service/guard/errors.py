"""The errors of the guard: their codes, their challenges, and the one place where they become responses.

Invariant 9: the public text is the same whatever the reason; the reason is in the log line, under the same request id.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from shared.errors import RequestRejected
from shared.scopes import format_scope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mcp_service.guard.operation import RequestId

SERVER_ERROR: Final = -32000
"""The first of the codes that JSON-RPC leaves to implementations. The HTTP status tells the rest."""

OFFLINE_ACCESS: Final = "offline_access"


@dataclass(frozen=True, slots=True)
class Challenger:
    """Builds `WWW-Authenticate` headers from configured constants (invariant 1).

    RFC 6750 section 3, RFC 9728 section 5.1, interop.md R1 and R6.
    """

    metadata_url: str
    tool_result_clients: frozenset[str] = frozenset()
    """Names in lower case; `*` for all."""

    def challenge(self, *, scopes: Iterable[str] = (), error: str | None = None, description: str = "") -> str:
        """One Bearer challenge. No `error` where no credential was presented: some clients give up if they see one.

        `offline_access` is never named (MCP authorization 2026-07-28): it is no scope of this resource.
        """
        scope = format_scope(s for s in scopes if s != OFFLINE_ACCESS)
        parameters = {
            "error": error,
            "error_description": description or None,
            "resource_metadata": self.metadata_url,
            "scope": scope or None,
        }
        # Scope tokens, configured URLs and the texts below hold neither quotes nor backslashes.
        return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in parameters.items() if value is not None)

    def signs_in_by_tool_result(self, *, user_agent: str, client_name: str) -> bool:
        """Whether this client shows its sign-in only for a tool result (interop.md R7)."""
        agent = user_agent.partition("/")[0]
        return bool({"*", agent.lower(), client_name.lower()} & self.tool_result_clients)


class McpError(RequestRejected):
    """The error response to a JSON-RPC message. `rpc_id` is echoed, so that the client can match it."""

    rpc_code: int = SERVER_ERROR
    rpc_id: RequestId = None


class Unauthenticated(McpError):
    """401 without `error`: no credential was presented (RFC 6750 section 3.1)."""

    status = 401
    code = "unauthorized"
    public = "Sign in to use this server."


class BadToken(McpError):
    """401: the token is invalid. The public text does not depend on the reason."""

    status = 401
    code = "invalid_token"
    public = "The access token is expired, malformed, or not meant for this server."


class InsufficientScope(McpError):
    """403: the one 403 that clients answer by asking the user for more scopes (interop.md R6)."""

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


class UnsupportedMediaType(McpError):
    """415: the body is not JSON by its header (MCP transports)."""

    status = 415
    code = "invalid_request"
    public = "The body must be JSON, with the header Content-Type: application/json."
    rpc_code = -32600


class NotAcceptable(McpError):
    """406: the Accept header allows no form of the answer (MCP transports)."""

    status = 406
    code = "invalid_request"
    public = "The Accept header must allow application/json and text/event-stream."
    rpc_code = -32600


class BadGateway(McpError):
    """502: the protected server refused, ended, or gave an answer that is not one of MCP (RFC 9110 section 15.6.3)."""

    status = 502
    code = "bad_gateway"
    public = "The MCP server behind this address did not answer properly. Please try again."


class UnreadableAnswer(BadGateway):
    """502: the protected server's answer cannot be read, so that it cannot be checked."""

    public = "The server behind this address gave an answer that cannot be used."


class GatewayTimeout(McpError):
    """504: the protected server did not answer in time (RFC 9110 section 15.6.5)."""

    status = 504
    code = "gateway_timeout"
    public = "The MCP server behind this address did not answer in time."


class ServerBusy(McpError):
    """503: as many requests as are allowed are in progress at the protected server, or it does not read them."""

    status = 503
    code = "temporarily_unavailable"
    public = "The server is busy. Please try again."


class TooManyRequests(McpError):
    """429 with Retry-After (RFC 6585 section 4, interop.md A12), for a request whose token is valid."""

    status = 429
    code = "temporarily_unavailable"
    public = "Too many requests. Please wait a moment and try again."


class TooManyUnauthenticatedRequests(RequestRejected):
    """429 for the network of a request without a valid token. Plain JSON: no message was read."""

    status = TooManyRequests.status
    code = TooManyRequests.code
    public = TooManyRequests.public


class SignInToolResult(McpError):
    """A tool result that asks the user to sign in: 200, for clients that read nothing else (interop.md R7)."""

    status = 200

    def __init__(self, error: McpError) -> None:
        super().__init__(error.reason, error_id=error.error_id, public=error.public, code=error.code)
        self.rpc_id = error.rpc_id
        self.challenge = error.headers["WWW-Authenticate"]


def render(request: web.Request, error: RequestRejected, request_id: str) -> web.StreamResponse:
    """The response to an error: JSON-RPC at the MCP endpoint, plain JSON elsewhere."""
    del request
    headers = {"Cache-Control": "no-store"} | error.headers
    body: dict[str, Any]
    if isinstance(error, SignInToolResult):
        body = _rpc(error.rpc_id, result=_sign_in_result(error, request_id))
    elif isinstance(error, McpError):
        data = {"error": error.code, "request_id": request_id}
        body = _rpc(error.rpc_id, error={"code": error.rpc_code, "message": error.public, "data": data})
    else:
        body = {"error": error.code, "error_description": error.public, "request_id": request_id}
    return web.Response(status=error.status, text=json.dumps(body), content_type="application/json", headers=headers)


def _rpc(rpc_id: RequestId, **member: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": rpc_id, **member}


def _sign_in_result(error: SignInToolResult, request_id: str) -> dict[str, Any]:
    return {
        "resultType": "complete",
        "content": [{"type": "text", "text": f"{error.public} (Request ID: {request_id})"}],
        "isError": True,
        "_meta": {"mcp/www_authenticate": [error.challenge]},
    }
