"""A server in this process: what it sees of a request and of its principal, and the middleware around its messages.

The token is not passed on: a tool cannot forward a token that it never receives (MCP: no token passthrough).

Does not own: any decision about a request; the guard has made it. Nor the execution: that of most requests is in
direct_call.py, that of the others in asgi_bridge.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from mcp.server.auth.middleware.auth_context import auth_context_var, get_access_token
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from opentelemetry import trace
from opentelemetry.trace import ProxyTracerProvider
from pydantic import BaseModel

from mcp_service.guard.list_filter import LIST_METHODS
from mcp_service.servers.asgi_bridge import AsgiApp, Message, run_asgi
from mcp_service.servers.asgi_list_filter import with_filtered_list
from mcp_service.servers.list_policy import ListPolicy, with_security_schemes
from mcp_service.servers.list_relay import ListRelay
from mcp_service.servers.protected_server import AdmittedRequest

if TYPE_CHECKING:
    from mcp.server.context import CallNext, HandlerResult, ServerMiddleware, ServerRequestContext

    from mcp_service.guard.operation import ScopeRules
    from mcp_service.servers.server_lifespan import SupervisedApplication
    from shared.access_tokens.verifier import VerifiedToken
    from shared.background import TaskSupervisor
    from shared.http.health import Readiness

_PROTOCOL_PREFIX: Final = "io.modelcontextprotocol/"
_PROGRESS_TOKEN: Final = "progressToken"


DirectAnswer = Callable[[web.Request, AdmittedRequest, AuthenticatedUser | None], Awaitable[web.StreamResponse | None]]
"""Answers what it can without the ASGI application: `DirectCalls.answer`."""


class InProcessServer:
    """A server in this process."""

    def __init__(
        self,
        application: SupervisedApplication,
        *,
        rules: ScopeRules,
        stateful: bool,
        direct: DirectAnswer | None = None,
        lists: ListPolicy | None = None,
    ) -> None:
        """`stateful`: it keeps sessions. Without them there is nothing to GET or to DELETE.

        `lists` is for an application that does not apply the policy itself, and None otherwise.
        """
        self._application = application
        self._lists = lists
        self._direct = direct
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
                response = await self._direct(request, admitted, user)
                if response is not None:
                    return response
            return await run_asgi(self._app_for(admitted), asgi_scope(request, user), request, admitted)
        finally:
            auth_context_var.reset(reset)

    def _app_for(self, admitted: AdmittedRequest) -> AsgiApp:
        lists, operation, token = self._lists, admitted.authorized.operation, admitted.authorized.token
        if lists is None or operation is None or operation.method not in LIST_METHODS:
            return self._application
        granted = None if token is None else token.claims.scopes
        return with_filtered_list(
            self._application,
            lambda content_type: ListRelay(lists, method=operation.method, granted=granted, content_type=content_type),
        )

    def lifespan(self, supervisor: TaskSupervisor) -> AbstractAsyncContextManager[None]:
        """Run the server."""
        return self._application.lifespan(supervisor)

    async def readiness(self) -> Readiness:
        """Whether the server runs."""
        return self._application.readiness()

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


def asgi_scope(request: web.Request, user: AuthenticatedUser | None) -> Message:
    """The request as a server sees it: the headers as they came, without `Authorization`; `user` is the principal."""
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


class RequestBody:
    """The body for a tool that reads it from the request: one message, then nothing more."""

    def __init__(self, body: bytes) -> None:
        self._unread: bytes | None = body

    async def __call__(self) -> Message:
        body, self._unread = self._unread, None
        if body is None:
            # A disconnect arrives as a cancellation; there is no other message.
            await asyncio.get_running_loop().create_future()
        return {"type": "http.request", "body": body, "more_body": False}


def list_middleware(lists: ListPolicy) -> ServerMiddleware[Any]:
    """A middleware of the SDK that applies the policy to lists, and completes `tools/list` with security schemes."""

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


def trace_where_needed(middleware: list[ServerMiddleware[Any]]) -> None:
    """Replace the SDK's tracing in a server's list of middlewares by one that is skipped where it has no effect.

    The SDK makes a span for each message. Without an OpenTelemetry SDK (shared/http/tracing.py), and for a message that
    brings no trace context, that span records nothing and passes nothing on, and making it takes a sixth of a call.
    """
    middleware[:] = [_where_needed(each) if _is_tracing(each) else each for each in middleware]


def _is_tracing(middleware: ServerMiddleware[Any]) -> bool:
    kind = type(middleware)
    return kind.__name__ == "OpenTelemetryMiddleware" and kind.__module__.partition(".")[0] == "mcp"


def _where_needed(tracing: ServerMiddleware[Any]) -> ServerMiddleware[Any]:
    async def trace_message(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        # Asked each time: the operator's server may set a provider up whenever it wants.
        if isinstance(trace.get_tracer_provider(), ProxyTracerProvider) and not _may_have_trace_context(ctx):
            return await call_next(ctx)
        return await tracing(ctx, call_next)

    return trace_message


def _may_have_trace_context(ctx: ServerRequestContext[Any, Any]) -> bool:
    """Whether `_meta` has a member that is not the protocol's own: which ones carry a context is configurable."""
    meta = ctx.params.get("_meta") if ctx.params else None
    return bool(meta) and (
        not isinstance(meta, dict) or not all(n.startswith(_PROTOCOL_PREFIX) or n == _PROGRESS_TOKEN for n in meta)
    )
