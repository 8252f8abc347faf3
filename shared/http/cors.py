"""Cross-origin access for browser clients (interop.md R9): preflights are answered without authentication.

Credentials are never allowed, so `*` is safe: a page gains nothing that it could not fetch from its own server.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp.typedefs import Handler

REQUEST_HEADERS: Final = (
    "authorization, content-type, accept, mcp-protocol-version, mcp-method, mcp-name, "
    "mcp-session-id, last-event-id, traceparent, tracestate"
)
_PARAMETER_HEADER: Final = re.compile(r"mcp-param-[a-z0-9!#$%&'*+.^_`|~-]{1,64}")
"""Only a header name (RFC 9110 section 5.1) is echoed."""

EXPOSED_HEADERS: Final = "WWW-Authenticate, Mcp-Session-Id, Retry-After, X-Request-Id"


@dataclass(frozen=True, slots=True)
class Cors:
    """The policy of one endpoint for pages of other origins."""

    methods: str
    allowed_headers: str = REQUEST_HEADERS
    max_age_seconds: int = 600

    def apply(self, response: web.StreamResponse) -> None:
        """Add the headers of the response to an actual request, not to a preflight."""
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS

    def preflight(self, request: web.Request) -> web.Response:
        """Answer an OPTIONS request. `mcp-param-*` headers are echoed: their names cannot be listed beforehand."""
        requested = request.headers.get("Access-Control-Request-Headers", "")
        extra = [name for h in requested.lower().split(",") if _PARAMETER_HEADER.fullmatch(name := h.strip())][:32]
        return web.Response(
            status=204,
            headers={
                "Access-Control-Allow-Origin": "*",
                "Access-Control-Allow-Methods": self.methods,
                "Access-Control-Allow-Headers": ", ".join([self.allowed_headers, *extra]),
                "Access-Control-Max-Age": str(self.max_age_seconds),
            },
        )


def add_cors(app: web.Application, policies: Mapping[str, Cors]) -> None:
    """Apply policies by exact path, to every response: errors and streams carry the headers too.

    Preflights are answered by the innermost middleware, so that they are limited, logged and counted like any request.
    """

    @web.middleware
    async def preflights(request: web.Request, handler: Handler) -> web.StreamResponse:
        policy = policies.get(request.path)
        is_preflight = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        return policy.preflight(request) if policy is not None and is_preflight else await handler(request)

    async def prepare(request: web.Request, response: web.StreamResponse) -> None:
        policy = policies.get(request.path)
        if policy is not None:
            policy.apply(response)

    app.middlewares.append(preflights)
    app.on_response_prepare.append(prepare)
