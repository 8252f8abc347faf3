"""A server in this process, and the bridge from aiohttp to its Streamable HTTP, which is an ASGI application.

Owns: streaming without buffering, cancellation of a tool whose client disconnects, the latest end of an answer.
Does not own: any decision about a request; the guard has made it. Most calls of a server of the mcp SDK do not need
the bridge (direct_call.py). The token is not passed on (asgi_scope.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from mcp.server.auth.middleware.auth_context import auth_context_var, get_access_token
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from pydantic import BaseModel

from mcp_service.guard.errors import NotAcceptable
from mcp_service.guard.list_filter import LIST_METHODS
from mcp_service.servers.asgi_list_filter import with_filtered_list
from mcp_service.servers.asgi_scope import Message, asgi_scope
from mcp_service.servers.list_relay import ListRelay
from mcp_service.servers.protected_server import AdmittedRequest, AnswerOverdue
from mcp_service.servers.security_schemes import with_security_schemes
from shared.http.health import Readiness
from shared.http.request_middleware import REQUEST_ID, REQUEST_ID_HEADER

if TYPE_CHECKING:
    from mcp.server.context import CallNext, HandlerResult, ServerMiddleware, ServerRequestContext

    from mcp_service.guard.operation import ScopeRules
    from mcp_service.servers.direct_call import DirectCalls
    from mcp_service.servers.list_policy import ListPolicy
    from shared.access_tokens.verifier import VerifiedToken
    from shared.background import TaskSupervisor

AsgiApp = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]

_CONNECTION_HEADERS: Final = frozenset({"connection", "transfer-encoding", "content-length", "date", "server"})


@dataclass(frozen=True, slots=True)
class InProcessApplication:
    """The ASGI application of a server, and what must run around it."""

    app: AsgiApp
    lifespan: Callable[[], AbstractAsyncContextManager[None]]
    direct: DirectCalls | None = None
    """Answers what it can without the application."""


class InProcessServer:
    """A server in this process."""

    def __init__(
        self, application: InProcessApplication, *, rules: ScopeRules, stateful: bool, lists: ListPolicy | None = None
    ) -> None:
        """`stateful`: it keeps sessions. Without them there is nothing to GET or to DELETE.

        `lists` is for an application that does not apply the policy itself, and None otherwise.
        """
        self._application = application
        self._lists = lists
        self._app = application.app
        self._direct = application.direct
        self._rules = rules
        self.has_sessions = stateful
        self.methods = ("POST", "GET", "DELETE") if stateful else ("POST",)

    async def respond(self, request: web.Request, admitted: AdmittedRequest) -> web.StreamResponse:
        """Call the server directly, or through its application. Raises AnswerOverdue."""
        token = admitted.authorized.token
        user = None if token is None else AuthenticatedUser(self._principal(token))
        reset = auth_context_var.set(user)
        try:
            if self._direct is not None:
                response = await self._direct.answer(request, admitted, user)
                if response is not None:
                    return response
            return await run_asgi(self._app_for(admitted), request, user, admitted)
        finally:
            auth_context_var.reset(reset)

    def _app_for(self, admitted: AdmittedRequest) -> AsgiApp:
        lists, operation, token = self._lists, admitted.authorized.operation, admitted.authorized.token
        if lists is None or operation is None or operation.method not in LIST_METHODS:
            return self._app
        granted = None if token is None else token.claims.scopes
        return with_filtered_list(
            self._app,
            lambda content_type: ListRelay(lists, method=operation.method, granted=granted, content_type=content_type),
        )

    def lifespan(self, supervisor: TaskSupervisor) -> AbstractAsyncContextManager[None]:
        """Run the server, which supervises its own tasks."""
        del supervisor
        return self._application.lifespan()

    async def readiness(self) -> Readiness:
        """It was loaded at the start."""
        return Readiness(ready=True)

    def _principal(self, token: VerifiedToken) -> AccessToken:
        """The principal as tools see it. Implied scopes are listed too: a tool need not know the hierarchy."""
        claims = token.claims
        implied = sorted(self._rules.effective(claims.scopes) - set(claims.scopes))
        return AccessToken(
            token="",
            client_id=claims.client_id,
            scopes=[*claims.scopes, *implied],
            expires_at=claims.expires_at,
            resource=claims.audience[0],
            subject=claims.subject,
            claims={**claims.user, "iss": claims.issuer, "iat": claims.issued_at, "jti": claims.token_id},
        )


async def run_asgi(
    app: AsgiApp, request: web.Request, user: AuthenticatedUser | None, admitted: AdmittedRequest
) -> web.StreamResponse:
    """Run one request through an ASGI application.

    The application runs in this task: when the client disconnects, aiohttp cancels it, and the tool with it.
    When the stream must end, the application is told that the connection has ended. When its seconds are over it is
    cancelled: a response that has begun ends there, otherwise AnswerOverdue is raised.
    """
    ending = admitted.ending
    unread = [{"type": "http.request", "body": admitted.authorized.body, "more_body": False}]

    async def receive() -> Message:
        if unread:
            return unread.pop()
        # A disconnect arrives as a cancellation; there is no other message.
        await (asyncio.get_running_loop().create_future() if ending is None else ending.wait())
        return {"type": "http.disconnect"}

    response = _Response(request)
    limit = asyncio.timeout(admitted.seconds)
    try:
        async with limit:
            await app(asgi_scope(request, user), receive, response.send)
    except TimeoutError:
        if not limit.expired():
            raise
        await response.cut_off()
    return await response.finish()


class _Response:
    """Turns ASGI messages into one response: whole if it comes in one message, streamed otherwise."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._is_started = False
        self._status = 500
        self._headers: list[tuple[str, str]] = []
        self._response: web.StreamResponse | None = None
        self._disconnected: ConnectionResetError | None = None

    async def send(self, message: Message) -> None:
        """Take one message. It is dropped when the client has disconnected, as ASGI demands of `send`."""
        if self._disconnected is not None:
            return
        try:
            await self._send(message)
        except ConnectionResetError as exc:
            # Raised here it would reach the middleware as an ExceptionGroup of the application's task groups.
            self._disconnected = exc

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._is_started, self._status = True, message["status"]
            self._headers = [
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in message["headers"]
                if name.decode("latin-1").lower() not in _CONNECTION_HEADERS
            ]
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        if self._response is None:
            if not more:
                self._response = web.Response(status=self._status, body=body, headers=self._headers)
                return
            self._response = await self._begin()
        if body:
            await self._response.write(body)
        if not more:
            await self._response.write_eof()

    async def _begin(self) -> web.StreamResponse:
        response = web.StreamResponse(status=self._status, headers=self._headers)
        response.headers[REQUEST_ID_HEADER] = self._request[REQUEST_ID]
        await response.prepare(self._request)
        return response

    async def cut_off(self) -> None:
        """End a streamed response before the application does. Raises AnswerOverdue if none has begun."""
        if self._response is None or not self._response.prepared:
            raise AnswerOverdue
        await self._response.write_eof()

    async def finish(self) -> web.StreamResponse:
        """Return the response. Raises ConnectionResetError when the client has disconnected."""
        if self._disconnected is not None:
            raise self._disconnected
        if self._response is None and self._is_started:
            # A stream that was told to end before it had anything to send.
            self._response = await self._begin()
            await self._response.write_eof()
        if self._response is None:
            raise RuntimeError("the application ended without a response")
        if self._status == NotAcceptable.status and self._response.content_length == 0:
            # The SDK answers so on the wire of 2026-07-28.
            raise NotAcceptable("the Accept header allows no form of the answer", error_id="accept")
        return self._response


def list_middleware(lists: ListPolicy) -> ServerMiddleware[Any]:
    """A middleware of the SDK that applies the policy to lists, and completes `tools/list` with security schemes.

    It is called for every message, hence in this file, which every message enters anyway.
    """

    async def apply(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        result = await call_next(ctx)
        if ctx.method not in LIST_METHODS:
            return result
        if isinstance(result, BaseModel):
            # From a middleware of the operator's: the SDK itself gives a dict.
            result = result.model_dump(mode="json", by_alias=True, exclude_none=True)
        token = get_access_token()
        shown = lists.apply(ctx.method, dict(result or {}), None if token is None else tuple(token.scopes))
        return with_security_schemes(shown, lists.rules) if ctx.method == "tools/list" else shown

    return apply
