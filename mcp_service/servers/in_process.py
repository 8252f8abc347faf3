"""The bridge between aiohttp and the mcp SDK's Streamable HTTP, which is an ASGI application.

Owns: streaming without buffering, cancellation of a tool whose client disconnects, the latest end of an answer.
Does not own: any decision about a request; the guard has made it. The token is not passed on: a tool cannot forward
a token that it never receives (MCP: no token passthrough).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from mcp.server.auth.middleware.auth_context import auth_context_var
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken

from mcp_service.guard.errors import NotAcceptable, TooManyRequests
from mcp_service.guard.rate_limits import SUBJECT_BOUND, TOKEN_BOUND
from shared.http.client_address import CLIENT_ADDRESS
from shared.http.connections import counted_as_authenticated
from shared.http.request_middleware import REQUEST_ID, REQUEST_ID_HEADER
from shared.jose.jws import InvalidToken

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from mcp.server.context import CallNext, HandlerResult, ServerMiddleware, ServerRequestContext

    from mcp_service.guard.bearer import AuthorizedRequest
    from mcp_service.guard.scope_policy import ScopeRules
    from mcp_service.guard.wiring import GuardComponents
    from mcp_service.servers.open_streams import OpenStreams
    from shared.access_tokens.verifier import VerifiedToken

Message = MutableMapping[str, Any]
AsgiApp = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]

_CONNECTION_HEADERS: Final = frozenset({"connection", "transfer-encoding", "content-length", "date", "server"})


ANSWER_SECONDS: Final = 120.0
"""How long after the expiry of its token an answer may end that began before."""


class AnswerOverdue(Exception):
    """The application took longer than the answer may take."""


class McpEndpoint:
    """The handler of the resource's path."""

    def __init__(
        self,
        *,
        guard: GuardComponents,
        streams: OpenStreams,
        app: AsgiApp,
        clock: Callable[[], float],
        stateful: bool = False,
    ) -> None:
        """`clock` is seconds since 1970."""
        self._authenticator = guard.authenticator
        self._rules = guard.rules
        self._limits = guard.limits
        self._streams = streams
        self._app = app
        self._clock = clock
        self._is_stateful = stateful
        # Without sessions there is nothing to GET or to DELETE.
        self._methods = ("POST", "GET", "DELETE") if stateful else ("POST",)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Authorize the request, then pass it to the SDK."""
        authorized = await self._authenticator.authorize(request)
        if request.method not in self._methods:
            raise web.HTTPMethodNotAllowed(request.method, self._methods)
        user = None if authorized.token is None else AuthenticatedUser(self._principal(authorized.token))
        connection_count = nullcontext() if user is None else counted_as_authenticated(request)
        reset = auth_context_var.set(user)
        try:
            is_stream = _only_listens(request, authorized)
            with self._limits.in_progress(*self._bounds(request, authorized, is_stream=is_stream)), connection_count:
                if is_stream:
                    with self._streams.opened(authorized.token) as closing:
                        return await run_asgi(self._app, request, authorized.body, user, closing=closing)
                return await run_asgi(self._app, request, authorized.body, user, seconds=self._seconds(authorized))
        except AnswerOverdue as exc:
            reason = f"no answer {ANSWER_SECONDS} s after the token expired"
            raise self._authenticator.refused(InvalidToken("exp", reason)) from exc
        except TooManyRequests as error:
            error.rpc_id = None if authorized.operation is None else authorized.operation.rpc_id
            raise
        finally:
            auth_context_var.reset(reset)

    def _seconds(self, authorized: AuthorizedRequest) -> float | None:
        """How long an answer may take (invariant 12)."""
        token = authorized.token
        return None if token is None else token.claims.expires_at + ANSWER_SECONDS - self._clock()

    def _bounds(
        self, request: web.Request, authorized: AuthorizedRequest, *, is_stream: bool
    ) -> Sequence[tuple[str, Hashable, int]]:
        """The bounds that this request counts for while it is answered. Raises TooManyRequests for another session."""
        claims, operation = None if authorized.token is None else authorized.token.claims, authorized.operation
        if self._is_stateful and operation is not None and operation.method == "initialize":
            self._limits.check_session(claims, request[CLIENT_ADDRESS])
        if claims is None:
            return (self._limits.network_bound(request[CLIENT_ADDRESS], is_stream=is_stream),)
        token = (claims.subject, claims.token_id)
        if is_stream:
            return (
                ("token_streams", token, TOKEN_BOUND.streams),
                ("subject_streams", claims.subject, SUBJECT_BOUND.streams),
            )
        return ("token_calls", token, TOKEN_BOUND.calls), ("subject_calls", claims.subject, SUBJECT_BOUND.calls)

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


def _only_listens(request: web.Request, authorized: AuthorizedRequest) -> bool:
    operation = authorized.operation
    return request.method == "GET" or (operation is not None and operation.method == "subscriptions/listen")


async def run_asgi(
    app: AsgiApp,
    request: web.Request,
    body: bytes,
    user: AuthenticatedUser | None,
    *,
    closing: asyncio.Event | None = None,
    seconds: float | None = None,
) -> web.StreamResponse:
    """Run one request, whose body has been read, through an ASGI application.

    The application runs in this task: when the client disconnects, aiohttp cancels it, and the tool with it.
    When `closing` is set, the application is told that the connection has ended. After `seconds` it is cancelled:
    a response that has begun ends there, otherwise AnswerOverdue is raised.
    """
    unread = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if unread:
            return unread.pop()
        # A disconnect arrives as a cancellation; there is no other message.
        await (asyncio.get_running_loop().create_future() if closing is None else closing.wait())
        return {"type": "http.disconnect"}

    response = _Response(request)
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            await app(_scope(request, user), receive, response.send)
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


def _scope(request: web.Request, user: AuthenticatedUser | None) -> Message:
    headers = [(name.lower(), value) for name, value in request.raw_headers if name.lower() != b"authorization"]
    if "Accept" not in request.headers:
        # The SDK takes an absent header for one that allows nothing (RFC 9110 section 12.5.1 says the opposite).
        headers.append((b"accept", b"*/*"))
    scope: Message = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": f"{request.version.major}.{request.version.minor}",
        "method": request.method,
        "scheme": request.scheme,
        "path": request.path,
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


def security_schemes(rules: ScopeRules, tool: str) -> list[dict[str, Any]]:
    """The security schemes of one tool."""
    if rules.is_public_tool(tool):
        return [{"type": "noauth"}]
    return [{"type": "oauth2", "scopes": list(rules.tool(tool))}]


def security_schemes_middleware(rules: ScopeRules) -> ServerMiddleware[Any]:
    """A middleware of the SDK that completes the result of `tools/list`."""

    async def complete(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        result = await call_next(ctx)
        if ctx.method == "tools/list" and isinstance(result, dict):
            return {**result, "tools": [_described(tool, rules) for tool in result.get("tools", ())]}
        return result

    return complete


def _described(tool: dict[str, Any], rules: ScopeRules) -> dict[str, Any]:
    schemes = security_schemes(rules, str(tool.get("name")))
    return {**tool, "securitySchemes": schemes, "_meta": {**tool.get("_meta", {}), "securitySchemes": schemes}}
