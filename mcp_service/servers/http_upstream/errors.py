"""The errors of a server that does not answer as it should, and of this guard's own bounds towards it.

A fault of the server is 502 or 504, a bound of this process is 503 (invariant 8). All are JSON-RPC errors with the id
of the request.
"""

from __future__ import annotations

from typing import Final

from mcp_service.guard.errors import McpError

RETRY_SECONDS: Final = 2


class BadGateway(McpError):
    """502: the server refused the connection, or its answer is not one of MCP (RFC 9110 section 15.6.3)."""

    status = 502
    code = "bad_gateway"
    public = "The MCP server behind this address did not answer properly. Please try again."


class GatewayTimeout(McpError):
    """504: the server did not answer in time (RFC 9110 section 15.6.5)."""

    status = 504
    code = "gateway_timeout"
    public = "The MCP server behind this address did not answer in time."


class TooBusy(McpError):
    """503: as many requests as this process allows are in progress at the server."""

    status = 503
    code = "temporarily_unavailable"
    public = "The service is busy. Please try again."

    def __init__(self, reason: str) -> None:
        super().__init__(reason, error_id="upstream_busy", headers={"Retry-After": str(RETRY_SECONDS)})


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
    """The server refused the connection, or there is nothing at its address."""
    return BadGateway(reason, error_id="upstream_refused", headers={"Retry-After": str(RETRY_SECONDS)})


def broken(reason: str) -> BadGateway:
    """The connection ended before a complete answer."""
    return BadGateway(reason, error_id="upstream_broken")


def not_http(reason: str) -> BadGateway:
    """What came is not HTTP, or beyond the bounds of a head."""
    return BadGateway(reason, error_id="upstream_not_http")


def not_mcp(reason: str) -> BadGateway:
    """An answer that no MCP server gives."""
    return BadGateway(reason, error_id="upstream_not_mcp")
