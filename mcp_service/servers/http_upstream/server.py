"""The server as the endpoint sees it: one admitted request, one request to the server, its answer passed on."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from mcp_service.guard.errors import McpError
from mcp_service.servers.http_upstream.connections import until_done_with
from mcp_service.servers.http_upstream.errors import StreamEnded
from mcp_service.servers.http_upstream.relay import Relay
from mcp_service.servers.http_upstream.request_headers import SESSION_HEADER, own_headers, passed_headers, with_headers
from mcp_service.servers.http_upstream.response_headers import kept_headers
from mcp_service.servers.http_upstream.response_validation import EVENT_STREAM, check_response
from mcp_service.servers.protected_server import AdmittedRequest, AnswerOverdue
from shared.background import end_tasks
from shared.http.client_address import CLIENT_ADDRESS
from shared.http.request_middleware import REQUEST_ID

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    import aiohttp
    from aiohttp import web
    from multidict import CIMultiDict

    from mcp_service.guard.operation import Operation
    from mcp_service.principal.handover import PrincipalHandover
    from mcp_service.servers.http_upstream.address import UpstreamAddress
    from mcp_service.servers.http_upstream.availability import Availability
    from mcp_service.servers.http_upstream.capacity import Capacity
    from mcp_service.servers.http_upstream.connections import UpstreamConnections
    from mcp_service.servers.http_upstream.metrics import UpstreamMetrics
    from mcp_service.servers.http_upstream.passed_lists import PassedLists
    from mcp_service.servers.http_upstream.sessions import SessionBinding
    from shared.background import TaskSupervisor
    from shared.http.health import Readiness

_REPEATABLE: Final = frozenset(
    {
        "initialize",
        "ping",
        "server/discover",
        "tools/list",
        "resources/list",
        "resources/templates/list",
        "prompts/list",
    }
)
"""Methods that change nothing, or only begin something that is dropped with the lost answer."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """The parts that all requests to the server share."""

    address: UpstreamAddress
    resource_scheme: str
    resource_host: str
    """The host of the guard's own public URL."""
    configured: Mapping[str, str]
    """Headers of MCP_UPSTREAM_HEADERS."""
    principal: PrincipalHandover
    sessions: SessionBinding


@dataclass(frozen=True, slots=True)
class AnswerRules:
    """The rules for every answer. The bounds are for bodies that are not streams of events."""

    idle_seconds: float
    max_bytes: int
    lists: PassedLists


class HttpUpstreamServer:
    """An MCP server over HTTP."""

    methods = ("POST", "GET", "DELETE")

    def __init__(
        self,
        *,
        outgoing: Outgoing,
        connections: UpstreamConnections,
        answers: AnswerRules,
        capacity: Capacity,
        availability: Availability,
        metrics: UpstreamMetrics,
    ) -> None:
        self._outgoing = outgoing
        self._connections = connections
        self._answers = answers
        self._capacity = capacity
        self._availability = availability
        self._metrics = metrics
        self._has_sessions = False

    @property
    def has_sessions(self) -> bool:
        """Whether the server has opened one: without sessions nothing is limited, and agents initialize often."""
        return self._has_sessions

    async def respond(self, request: web.Request, admitted: AdmittedRequest) -> web.StreamResponse:
        """Send the request on and pass the answer back. Raises McpError and AnswerOverdue."""
        operation, token = admitted.authorized.operation, admitted.authorized.token
        relay = Relay(
            request,
            idle_seconds=self._answers.idle_seconds,
            max_bytes=self._answers.max_bytes,
            ending=admitted.ending,
        )
        outcome = "left"
        try:
            caller = request[CLIENT_ADDRESS] if token is None else (token.claims.issuer, token.claims.subject)
            with self._capacity.taken(caller, is_stream=admitted.ending is not None):
                response = await self._until_overdue(request, admitted, relay)
            outcome = relay.failure or "answered"
        except McpError as error:
            outcome = error.error_id
            if error.rpc_id is None and operation is not None:
                error.rpc_id = operation.rpc_id
            if error.error_id == "upstream_refused":
                self._availability.refused(error.reason)
            raise
        except AnswerOverdue:
            outcome = "cut"
            raise
        finally:
            self._metrics.ended(outcome)
        return response

    @asynccontextmanager
    async def lifespan(self, supervisor: TaskSupervisor) -> AsyncIterator[None]:
        """Keep connections, and check whether the server is there."""
        self._connections.start()
        watching = supervisor.start("upstream_availability", self._availability.watch)
        try:
            yield
        finally:
            await end_tasks([watching])
            await self._connections.close()

    async def readiness(self) -> Readiness:
        """Whether the server accepts connections."""
        return self._availability.readiness()

    async def _until_overdue(self, request: web.Request, admitted: AdmittedRequest, relay: Relay) -> web.StreamResponse:
        limit = asyncio.timeout(admitted.seconds)
        try:
            async with limit:
                if admitted.ending is None:
                    return await self._exchange(request, admitted, relay)
                with admitted.ending.telling(partial(_expire, limit)):
                    return await self._exchange(request, admitted, relay)
        except TimeoutError:
            if not limit.expired():
                raise
        response = await relay.cut_off()
        if response is not None:
            return response
        if admitted.ending is not None:
            raise StreamEnded
        raise AnswerOverdue

    async def _exchange(self, request: web.Request, admitted: AdmittedRequest, relay: Relay) -> web.StreamResponse:
        authorized, method = admitted.authorized, request.method
        passed = self._passed_headers(request, admitted)
        has_session = SESSION_HEADER in passed
        started = asyncio.get_running_loop().time()
        answer = await self._connections.request(
            method,
            lambda: self._headers(request, admitted, passed),
            authorized.body,
            may_repeat=_may_repeat(authorized.operation),
        )
        self._metrics.answered(asyncio.get_running_loop().time() - started)
        with until_done_with(answer):
            return await self._pass_on(answer, admitted, relay, method=method, has_session=has_session)

    async def _pass_on(
        self,
        answer: aiohttp.ClientResponse,
        admitted: AdmittedRequest,
        relay: Relay,
        *,
        method: str,
        has_session: bool,
    ) -> web.StreamResponse:
        url = str(self._outgoing.address.url)
        essence, has_body = check_response(
            answer.status, answer.headers, method=method, has_session=has_session, url=url
        )
        headers = kept_headers(answer.headers)
        if SESSION_HEADER in answer.headers:
            self._has_sessions = True
            # Of several, joined, no server may give the one that results: it has a space.
            given = ", ".join(answer.headers.getall(SESSION_HEADER))
            headers[SESSION_HEADER] = self._outgoing.sessions.bind(given, admitted.authorized.token)
        if not has_body:
            return relay.without_body(headers, status=answer.status)
        rewriter = self._answers.lists.rewriter(admitted.authorized, http_method=method, content_type=essence)
        pass_on = relay.events if essence == EVENT_STREAM else relay.body
        return await pass_on(answer, headers, status=answer.status, rewriter=rewriter)

    def _passed_headers(self, request: web.Request, admitted: AdmittedRequest) -> CIMultiDict[str]:
        """The client's headers, with the session id of the server. Raises BadMessage and SessionNotFound."""
        passed = passed_headers(request.headers)
        if SESSION_HEADER in passed:
            opened = self._outgoing.sessions.resolve(passed[SESSION_HEADER], admitted.authorized.token)
            passed[SESSION_HEADER] = opened
        return passed

    def _headers(self, request: web.Request, admitted: AdmittedRequest, passed: CIMultiDict[str]) -> CIMultiDict[str]:
        outgoing, authorized = self._outgoing, admitted.authorized
        own = own_headers(
            host=outgoing.address.host,
            request_id=request[REQUEST_ID],
            address=request[CLIENT_ADDRESS],
            resource_scheme=outgoing.resource_scheme,
            resource_host=outgoing.resource_host,
        )
        principal = outgoing.principal.headers(
            authorized.token, method=request.method, path=outgoing.address.target, body=authorized.body
        )
        return with_headers(passed, own, outgoing.configured, principal)


def _may_repeat(operation: Operation | None) -> bool:
    return operation is not None and operation.method in _REPEATABLE


def _expire(limit: asyncio.Timeout) -> None:
    if not limit.expired():
        limit.reschedule(asyncio.get_running_loop().time())
