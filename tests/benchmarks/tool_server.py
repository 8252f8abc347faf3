"""mcp_service in a process of its own, for benchmarks: `python -m tests.benchmarks.tool_server SETTINGS open|guarded`.

`open` takes the guard off: every call passes unchecked. Prints its port when it is ready.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import TYPE_CHECKING, Any

import structlog
import uvloop
from pydantic_core import from_json

from mcp_service.app import build_app
from mcp_service.guard.bearer import AuthorizedRequest
from mcp_service.guard.operation import Operation, read_operation
from mcp_service.servers.endpoint import McpEndpoint
from mcp_service.settings import McpSettings
from shared.access_tokens.profile import VerifiedClaims
from shared.access_tokens.verifier import VerifiedToken
from tests.benchmarks.serving import serve

if TYPE_CHECKING:
    from aiohttp import web

_NO_KEY: Any = None


class _NoGuard:
    """Lets every call pass as the same user: the tool does the same work as behind the guard."""

    _same_user = VerifiedToken(
        VerifiedClaims(
            issuer="https://issuer.example",
            subject="user-1",
            audience=("http://localhost:9001/mcp",),
            client_id="client-1",
            scopes=("slow:use",),
            issued_at=0,
            expires_at=1 << 40,
            token_id="token-1",
            grant_id=None,
            status=None,
        ),
        key=_NO_KEY,
    )

    def __init__(self) -> None:
        self._read: dict[bytes, Operation] = {}

    async def authorize(self, request: web.Request) -> AuthorizedRequest:
        body = await request.read()
        # Without a guard the server would parse the message; behind it, it takes the operation that is read here.
        from_json(body)
        operation = self._read.get(body)
        if operation is None:
            operation = self._read[body] = read_operation(body, request.headers)
        return AuthorizedRequest(self._same_user, operation, body)


async def main(settings: McpSettings, mode: str) -> None:
    """Serve until standard input closes."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    app = build_app(settings)
    guard: Any = _NoGuard()
    if mode == "open":
        for route in app.router.routes():
            endpoint = getattr(route.handler, "__self__", None)
            if isinstance(endpoint, McpEndpoint):
                endpoint._authenticator = guard
    await serve(app, handler_cancellation=True)


if __name__ == "__main__":
    uvloop.run(main(McpSettings(**json.loads(sys.argv[1])), sys.argv[2]))
