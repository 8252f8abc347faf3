"""A `FastMCP` object of the package fastmcp, as an application for this process.

The package is the operator's: nothing of it is imported here, and only its public `http_app` is used.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

from mcp_service.servers.server_lifespan import ApplicationAndLifespan, SupervisedApplication
from shared.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mcp_service.servers.asgi_bridge import Message


class _Application(Protocol):
    @property
    def lifespan(self) -> Callable[[Any], AbstractAsyncContextManager[Any]]:
        """The lifespan of the ASGI application."""

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
        /,
    ) -> None:
        """Answer one request."""


class FastMcp(Protocol):
    """The members of a FastMCP object that are used."""

    auth: object | None

    @property
    def name(self) -> str:
        """The display name."""

    def http_app(self, **options: Any) -> _Application:
        """Make the ASGI application."""


def is_fastmcp(found: object) -> TypeGuard[FastMcp]:
    """Whether this is an object of the package fastmcp, or of a class that derives from one."""
    return any(c.__module__.partition(".")[0] == "fastmcp" and c.__name__ == "FastMCP" for c in type(found).__mro__)


def fastmcp_application(server: FastMcp, *, path: str, stateful: bool, json_response: bool) -> SupervisedApplication:
    """The application at `path`. Raises Misconfigured for a server that authenticates by itself."""
    if server.auth is not None:
        raise Misconfigured("MCP_SERVER: the FastMCP object has auth of its own; remove it, the guard verifies tokens")

    def make() -> ApplicationAndLifespan:
        app = server.http_app(
            path=path.rstrip("/") or "/",
            stateless_http=not stateful,
            json_response=json_response,
            # The guard checks Origin, and Host decides nothing here (invariant 1).
            host_origin_protection=False,
        )
        return app, lambda: app.lifespan(app)

    return SupervisedApplication(make)
