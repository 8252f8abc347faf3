"""The errors of a server that does not answer as it should, and of this guard's own bounds towards it.

A fault of the server is 502 or 504, a bound of this process is 503 (invariant 8). All are JSON-RPC errors with the id
of the request.
"""

from __future__ import annotations

from typing import Final

from mcp_service.guard.errors import BadGateway, McpError, ServerBusy

RETRY_SECONDS: Final = 2


class StreamEnded(McpError):
    """503: the stream had to end before the server had begun it: the token has ended, or this process stops."""

    status = 503
    code = "temporarily_unavailable"
    public = "The stream has ended. Please connect again."

    def __init__(self) -> None:
        super().__init__(
            "the stream had to end before the server had begun it",
            error_id="upstream_stream_ended",
            headers={"Retry-After": str(RETRY_SECONDS)},
        )


class SessionNotFound(McpError):
    """404: the session is unknown, or another principal's; the client begins a new one (MCP transports)."""

    status = 404
    code = "session_not_found"
    public = "There is no such session. Please initialize again."
    rpc_code = -32001


def not_reached(reason: str) -> BadGateway:
    """The error for a server that refused the connection, or for an address with no server."""
    return BadGateway(reason, error_id="upstream_refused", headers={"Retry-After": str(RETRY_SECONDS)})


def too_busy(reason: str) -> ServerBusy:
    """The error while as many requests as this process allows are in progress at the server."""
    return ServerBusy(reason, error_id="upstream_busy", headers={"Retry-After": str(RETRY_SECONDS)})


def broken(reason: str) -> BadGateway:
    """The error for a connection that ended before a complete answer."""
    return BadGateway(reason, error_id="upstream_broken")


def not_http(reason: str) -> BadGateway:
    """The error for an answer that is not HTTP, or whose head is beyond the bounds."""
    return BadGateway(reason, error_id="upstream_not_http")


def not_mcp(reason: str) -> BadGateway:
    """The error for an answer that no MCP server gives."""
    return BadGateway(reason, error_id="upstream_not_mcp")
