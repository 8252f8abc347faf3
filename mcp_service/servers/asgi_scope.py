"""The ASGI scope of a request: what the SDK and the tools of a server in this process see of it.

The token is not passed on: a tool cannot forward a token that it never receives (MCP: no token passthrough).
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiohttp import web
    from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser

Message = MutableMapping[str, Any]
"""A scope, or one message of ASGI."""


def asgi_scope(request: web.Request, user: AuthenticatedUser | None) -> Message:
    """The scope: the headers as they came, without `Authorization`; `user` is the verified principal."""
    headers = [(lower, value) for name, value in request.raw_headers if (lower := name.lower()) != b"authorization"]
    if "Accept" not in request.headers:
        # The SDK takes an absent header for one that allows nothing (RFC 9110 section 12.5.1 says the opposite).
        headers.append((b"accept", b"*/*"))
    scope: Message = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": f"{request.version.major}.{request.version.minor}",
        "method": request.method,
        "scheme": request.scheme,
        # One path for both addresses of the endpoint: routers redirect from the one to the other.
        "path": request.path.rstrip("/") or "/",
        "raw_path": request.raw_path.partition("?")[0].encode("latin-1"),
        "query_string": request.rel_url.raw_query_string.encode(),
        "root_path": "",
        "headers": headers,
        "client": None,
        "server": None,
    }
    if user is not None:
        scope["user"] = user
    return scope
