"""The handler of the resource's path: the guard decides, bounds count what is in progress, the server answers.

Owns: how long an answer may take, and when a stream ends. Does not own: any decision about a request, nor its answer.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Final

from aiohttp import web

from mcp_service.guard.errors import TooManyRequests
from mcp_service.guard.rate_limits import SUBJECT_BOUND, TOKEN_BOUND
from mcp_service.servers.open_streams import LISTEN_METHOD
from mcp_service.servers.protected_server import AdmittedRequest, AnswerOverdue
from shared.http.client_address import CLIENT_ADDRESS
from shared.http.connections import counted_as_authenticated
from shared.jose.jws import InvalidToken

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from mcp_service.guard.bearer import AuthorizedRequest
    from mcp_service.guard.wiring import GuardComponents
    from mcp_service.servers.open_streams import OpenStreams
    from mcp_service.servers.protected_server import ProtectedServer

ANSWER_SECONDS: Final = 120.0
"""How long after the expiry of its token an answer may end that began before."""


class McpEndpoint:
    """The handler of the resource's path."""

    def __init__(
        self, *, guard: GuardComponents, streams: OpenStreams, server: ProtectedServer, clock: Callable[[], float]
    ) -> None:
        """`clock` is seconds since 1970."""
        self._authenticator = guard.authenticator
        self._limits = guard.limits
        self._streams = streams
        self._server = server
        self._methods = server.methods
        self._clock = clock

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Authorize the request, then let the server answer it."""
        authorized = await self._authenticator.authorize(request)
        if request.method not in self._methods:
            raise web.HTTPMethodNotAllowed(request.method, self._methods)
        is_stream = _only_listens(request, authorized)
        connection_count = nullcontext() if authorized.token is None else counted_as_authenticated(request)
        try:
            bounds = self._bounds(request, authorized, is_stream=is_stream)
            self._limits.enter(bounds)
        except TooManyRequests as error:
            error.rpc_id = None if authorized.operation is None else authorized.operation.rpc_id
            raise
        try:
            with connection_count:
                if not is_stream:
                    admitted = AdmittedRequest(authorized, None, self._seconds(authorized))
                    return await self._server.respond(request, admitted)
                with self._streams.opened(authorized.token) as ending:
                    return await self._server.respond(request, AdmittedRequest(authorized, ending, None))
        except AnswerOverdue as exc:
            reason = f"no answer {ANSWER_SECONDS} s after the token expired"
            raise self._authenticator.refused(InvalidToken("exp", reason)) from exc
        finally:
            self._limits.leave(bounds)

    def _seconds(self, authorized: AuthorizedRequest) -> float | None:
        """How long an answer may take (invariant 12)."""
        token = authorized.token
        return None if token is None else token.claims.expires_at + ANSWER_SECONDS - self._clock()

    def _bounds(
        self, request: web.Request, authorized: AuthorizedRequest, *, is_stream: bool
    ) -> Sequence[tuple[tuple[str, Hashable], int]]:
        """The bounds that this request counts for while it is answered. Raises TooManyRequests for another session."""
        claims, operation = None if authorized.token is None else authorized.token.claims, authorized.operation
        if operation is not None and operation.method == "initialize" and self._server.has_sessions:
            self._limits.check_session(claims, request[CLIENT_ADDRESS])
        if claims is None:
            return (self._limits.network_bound(request[CLIENT_ADDRESS], is_stream=is_stream),)
        token = (claims.subject, claims.token_id)
        if is_stream:
            return (
                (("token_streams", token), TOKEN_BOUND.streams),
                (("subject_streams", claims.subject), SUBJECT_BOUND.streams),
            )
        return (("token_calls", token), TOKEN_BOUND.calls), (("subject_calls", claims.subject), SUBJECT_BOUND.calls)


def _only_listens(request: web.Request, authorized: AuthorizedRequest) -> bool:
    operation = authorized.operation
    return request.method == "GET" or (operation is not None and operation.method == LISTEN_METHOD)
