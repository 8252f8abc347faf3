"""The protected server that is a command: each request is lent the process of its user, and the SDK serves the wire."""

from __future__ import annotations

from collections.abc import Hashable
from contextlib import asynccontextmanager
from functools import partial
from math import ceil
from typing import TYPE_CHECKING, Final

from mcp_service.servers.asgi_bridge import run_asgi
from mcp_service.servers.in_process import asgi_scope
from mcp_service.servers.stdio_upstream import cancellation
from mcp_service.servers.stdio_upstream.cancellation import CancellableRequests
from mcp_service.servers.stdio_upstream.proxy import PROXIED_REQUEST, ProxiedRequest
from shared.http.health import Readiness

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from aiohttp import web

    from mcp_service.servers.asgi_bridge import Message
    from mcp_service.servers.protected_server import AdmittedRequest
    from mcp_service.servers.server_lifespan import SupervisedApplication
    from mcp_service.servers.stdio_upstream.command import Command
    from mcp_service.servers.stdio_upstream.pool import ProcessPool
    from shared.access_tokens.verifier import VerifiedToken
    from shared.background import TaskSupervisor

SHARED: Final = "shared"
"""The key of the process of all users."""


class StdioServer:
    """A command behind the guard."""

    methods = ("POST",)
    """There are no sessions, so there is nothing to GET or to DELETE."""
    has_sessions = False

    def __init__(
        self,
        *,
        command: Command,
        pool: ProcessPool,
        application: SupervisedApplication,
        per_user: bool,
        silent_seconds: float,
    ) -> None:
        """`application` is that of proxy.py.

        `per_user` gives each (issuer, subject) a process of its own. `silent_seconds` is how long a process may take to
        answer, or to report its next progress.
        """
        self._command = command
        self._pool = pool
        self._application = application
        self._per_user = per_user
        self._silent_seconds = silent_seconds
        self._cancellable = CancellableRequests()

    async def respond(self, request: web.Request, admitted: AdmittedRequest) -> web.StreamResponse:
        """Answer a request. Raises AnswerOverdue, ServerGone, ServerBusy, and ServiceUnavailable without a process."""
        operation = admitted.authorized.operation
        token = admitted.authorized.token
        if operation is not None and operation.method == cancellation.METHOD and token is not None:
            self._cancellable.cancel(token, admitted.authorized.body)
        if operation is None or operation.is_notification or operation.method == "ping":
            return await run_asgi(self._application, asgi_scope(request, None), request, admitted)
        async with self._pool.lend(self._key(token)) as child:
            proxied = ProxiedRequest(child, self._silent_seconds, None if token is None else token.claims.scopes)
            with self._cancellable.entered(token, operation.rpc_id, proxied.cancel):
                response = await run_asgi(partial(self._serve, proxied), asgi_scope(request, None), request, admitted)
        if proxied.failure is not None and not response.prepared:
            raise proxied.failure
        return response

    @asynccontextmanager
    async def lifespan(self, supervisor: TaskSupervisor) -> AsyncIterator[None]:
        """End all processes with the service; they start on demand."""
        async with self._application.lifespan(supervisor):
            try:
                yield
            finally:
                await self._pool.close()

    async def readiness(self) -> Readiness:
        """Whether the command can be started. The process of a single user does not count."""
        application = self._application.readiness()
        if not application.ready:
            return application
        if not self._command.is_executable():
            return Readiness(ready=False, note=f"{self._command.words[0]} is not executable")
        pause = 0.0 if self._per_user else self._pool.failing_seconds(SHARED)
        if pause:
            # Other replicas may be well, but a user who makes the process fail must not take replicas away.
            return Readiness(
                ready=True,
                note=f"the process failed; it can be started again in {ceil(pause)} s",
                impaired=True,
            )
        return Readiness(ready=True)

    def _key(self, token: VerifiedToken | None) -> Hashable:
        if not self._per_user:
            return SHARED
        return None if token is None else (token.claims.issuer, token.claims.subject)

    async def _serve(
        self,
        proxied: ProxiedRequest,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Serve one request; a failure before the first byte replaces the response, which `respond` discards."""
        scope[PROXIED_REQUEST] = proxied
        has_begun = is_replaced = False

        async def send_or_replace(message: Message) -> None:
            nonlocal has_begun, is_replaced
            if is_replaced:
                return
            if proxied.failure is not None and not has_begun and message["type"] == "http.response.body":
                is_replaced = True
                message = {**message, "body": b"", "more_body": False}
            has_begun = has_begun or message["type"] == "http.response.body"
            await send(message)

        await self._application(scope, receive, send_or_replace)
