"""aiohttp ⇄ the mcp SDK's Streamable HTTP, which speaks ASGI.

Owns: the bridge (streaming unbuffered, a disconnect cancels the tool) and the life of the session manager.
Does not own: any decision about who may call; the guard has made it. The token itself stays outside: a tool
cannot pass on what it never sees (MCP: no token passthrough).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from mcp.server.auth.middleware.auth_context import auth_context_var
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken

from shared.http.request_middleware import REQUEST_ID, REQUEST_ID_HEADER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    from mcp_service.guard.bearer import AuthorizedRequest, BearerAuthenticator
    from mcp_service.guard.scope_policy import ScopeRules
    from shared.access_tokens.verifier import VerifiedToken

Message = MutableMapping[str, Any]
AsgiApp = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]

_CONNECTION_HEADERS: Final = frozenset({"connection", "transfer-encoding", "content-length", "date", "server"})


class McpEndpoint:
    """The handler of the resource's path."""

    def __init__(self, *, guard: BearerAuthenticator, rules: ScopeRules, app: AsgiApp, sessions: bool = False) -> None:
        self._guard = guard
        self._rules = rules
        self._app = app
        # Without sessions there is nothing to GET and nothing to DELETE.
        self._methods = ("POST", "GET", "DELETE") if sessions else ("POST",)
        self._closing = asyncio.Event()

    async def close_streams(self, _app: web.Application) -> None:
        """End the streams that only wait for notifications, and would delay a shutdown."""
        self._closing.set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Admit, then hand over."""
        admission = await self._guard.authorize(request)
        if request.method not in self._methods:
            raise web.HTTPMethodNotAllowed(request.method, self._methods)
        user = None if admission.token is None else AuthenticatedUser(self._principal(admission.token))
        reset = auth_context_var.set(user)
        try:
            return await run_asgi(self._app, request, admission.body, user, ends=self._end_of(admission, request))
        finally:
            auth_context_var.reset(reset)

    def _end_of(self, admission: AuthorizedRequest, request: web.Request) -> asyncio.Event | None:
        operation = admission.operation
        only_listens = request.method == "GET" or (operation and operation.method == "subscriptions/listen")
        return self._closing if only_listens else None

    def _principal(self, token: VerifiedToken) -> AccessToken:
        """What tools may know of the caller. Implied scopes are spelled out: a tool that looks need not know them."""
        claims = token.claims
        implied = sorted(self._rules.effective(claims.scopes) - set(claims.scopes))
        return AccessToken(
            token="",
            client_id=claims.client_id,
            scopes=[*claims.scopes, *implied],
            expires_at=claims.expires_at,
            resource=claims.audience[0],
            subject=claims.subject,
            claims={"iss": claims.issuer, "iat": claims.issued_at, "jti": claims.token_id},
        )


async def run_asgi(
    app: AsgiApp,
    request: web.Request,
    body: bytes,
    user: AuthenticatedUser | None,
    *,
    ends: asyncio.Event | None = None,
) -> web.StreamResponse:
    """Run one request through an ASGI application whose body has been read already.

    The application runs in this very task: when the client goes away, aiohttp cancels it, and with it the tool.
    `ends` tells it that the connection is over although the client is still there.
    """
    unread = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if unread:
            return unread.pop()
        # The end of a connection arrives as a cancellation; until then there is nothing more to hear.
        await (asyncio.get_running_loop().create_future() if ends is None else ends.wait())
        return {"type": "http.disconnect"}

    answer = _Answer(request)
    await app(_scope(request, user), receive, answer.send)
    return await answer.finish()


class _Answer:
    """Turns ASGI messages into one response: whole if it comes in one piece, streamed if not."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._status = 500
        self._headers: list[tuple[str, str]] = []
        self._response: web.StreamResponse | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
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

    async def finish(self) -> web.StreamResponse:
        if self._response is None:
            raise RuntimeError("the application ended without an answer")
        return self._response


def _scope(request: web.Request, user: AuthenticatedUser | None) -> Message:
    scope: Message = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": f"{request.version.major}.{request.version.minor}",
        "method": request.method,
        "scheme": request.scheme,
        "path": request.path,
        "raw_path": request.raw_path.partition("?")[0].encode("latin-1"),
        "query_string": request.query_string.encode("latin-1"),
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.raw_headers if name.lower() != b"authorization"],
        "client": None,
        "server": None,
    }
    if user is not None:
        scope["user"] = user
    return scope


@asynccontextmanager
async def running(manager: StreamableHTTPSessionManager) -> AsyncIterator[None]:
    """Keep the manager running between start and cleanup.

    It needs one task that both enters and leaves it (anyio insists), and an application's start and its end
    may be run by two.
    """
    started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    stopping = asyncio.Event()

    async def live() -> None:
        try:
            async with manager.run():
                started.set_result(None)
                await stopping.wait()
        except BaseException as exc:
            if not started.done():
                started.set_exception(exc)
                return
            raise

    task = asyncio.create_task(live(), name="mcp session manager")
    await started
    try:
        yield
    finally:
        stopping.set()
        await task
