"""Runs one JSON-RPC request in one POST by the kernel of the mcp SDK, without its ASGI application.

That application starts tasks and opens memory streams for each request, and on the older wire a dispatcher that serves
one message. Here the kernel (`mcp.server.runner.serve_one`) runs in one task, on the very message that the guard has
judged. What is valid is still decided by the functions of the SDK. What they do not accept, and what is not the plain
case, goes to the ASGI application.

Owns: which requests are the plain case, and the answer of the kernel as the SDK writes it on the two wires. Does not
own: what comes before an answer (dispatch_context.py), any decision of the guard, which has been made.
"""

from __future__ import annotations

import asyncio
import json
from copy import deepcopy
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from mcp.server.connection import Connection
from mcp.server.runner import serve_one
from mcp.server.streamable_http import check_accept_headers
from mcp.shared.inbound import (
    ERROR_CODE_HTTP_STATUS,
    InboundModernRoute,
    classify_inbound_request,
    find_invalid_x_mcp_header,
    validate_mcp_param_headers,
    x_mcp_header_map,
)
from mcp.shared.message import ServerMessageMetadata
from mcp.shared.transport_context import TransportContext
from mcp_types import (
    DEFAULT_NEGOTIATED_VERSION,
    JSONRPCError,
    JSONRPCRequest,
    JSONRPCResponse,
    jsonrpc_message_adapter,
)
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError
from pydantic_core import PydanticSerializationError
from starlette.requests import Request

from mcp_service.servers import answer_stream
from mcp_service.servers.dispatch_context import CallContext
from mcp_service.servers.in_process import RequestBody, asgi_scope
from mcp_service.servers.open_streams import LISTEN_METHOD
from mcp_service.servers.protected_server import AnswerOverdue
from mcp_service.servers.server_lifespan import SharedLifespan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
    from mcp.server.lowlevel import Server
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
    from pydantic import BaseModel

    from mcp_service.servers.protected_server import AdmittedRequest
    from mcp_service.servers.server_lifespan import SupervisedApplication

_NEVER_PLAIN: Final = frozenset({"initialize", LISTEN_METHOD})
"""The first method begins a session where there are sessions; the answer to the second is always a stream."""

_REMEMBERED_SCHEMAS: Final = 1024

_OLDER_TRANSPORT: Final = TransportContext(kind="streamable-http", can_send_request=False)


class DirectCalls:
    """The plain requests to one server of the SDK."""

    def __init__(self, manager: StreamableHTTPSessionManager, application: SupervisedApplication) -> None:
        """Make it before the manager runs: both share the lifespan of the server, which is entered once."""
        self._application = application
        self._server: Server[Any] = manager.app
        self._json_response = manager.json_response
        self._older_versions = frozenset(HANDSHAKE_PROTOCOL_VERSIONS if manager.stateless else ())
        self._lifespan = SharedLifespan(manager.app)
        # Few values are ever sent, and only those of admitted requests are looked up.
        self._has_plain_headers = lru_cache(64)(self._check_headers)
        self._schemas = _SchemasWithoutHeaders()

    async def answer(
        self, request: web.Request, admitted: AdmittedRequest, user: AuthenticatedUser | None
    ) -> web.StreamResponse | None:
        """The answer to a plain request. None for any other: nothing has run, the ASGI application must answer it.

        Raises AnswerOverdue, and ConnectionResetError when the client has disconnected.
        """
        context = self._context(request, admitted, user)
        if context is None:
            return None
        timer = None
        if not self._json_response:
            timer = asyncio.get_running_loop().call_later(answer_stream.PING_SECONDS, context.start_pings)
        try:
            return await self._run(context, admitted.seconds)
        finally:
            context.is_answered = True
            if timer is not None:
                timer.cancel()
            if context.stream is not None:
                context.stream.close()

    async def _run(self, context: CallContext, seconds: float | None) -> web.StreamResponse:
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                # A task of its own: what a tool binds in its context must not reach the log line of the request.
                message = await asyncio.create_task(self._message(context))
                body = context.encode(message)
                if context.stream is not None and context.stream.has_begun:
                    return await context.stream.finish(body)
        except TimeoutError:
            if not limit.expired():
                raise
            if context.stream is None:
                raise AnswerOverdue from None
            return await context.stream.end()
        status = _status(message) if context.is_modern else 200
        return web.Response(body=body, status=status, headers={"Content-Type": "application/json"})

    async def _message(self, context: CallContext) -> JSONRPCResponse | JSONRPCError:
        called = context.message
        try:
            result = await serve_one(
                self._server,
                context,
                called.method,
                called.params,
                connection=context.connection,
                lifespan_state=self._lifespan.state,
            )
        except asyncio.CancelledError as exc:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # This task was not cancelled: the handler awaited something that was.
            failed = RuntimeError("the handler was cancelled")
            failed.__cause__ = exc
            error = context.error(failed)
        except Exception as exc:  # noqa: BLE001 - whatever a handler raises is an answer
            error = context.error(exc)
        else:
            return JSONRPCResponse(jsonrpc="2.0", id=called.id, result=result)
        return JSONRPCError(jsonrpc="2.0", id=called.id, error=error)

    def _context(
        self, request: web.Request, admitted: AdmittedRequest, user: AuthenticatedUser | None
    ) -> CallContext | None:
        """The context of a plain request, which the functions of the SDK have accepted. None for any other."""
        operation, headers = admitted.authorized.operation, request.headers
        if operation is None or operation.message is None or operation.method in _NEVER_PLAIN:
            return None
        has_plain_headers = self._has_plain_headers(headers.get("Content-Type"), headers.get("Accept"))
        if not has_plain_headers or self._application.running is None:
            return None
        version = headers.get("MCP-Protocol-Version", DEFAULT_NEGOTIATED_VERSION)
        is_modern = version in MODERN_PROTOCOL_VERSIONS
        message = _request_of(operation.message, is_modern=is_modern)
        if message is None or not (is_modern or version in self._older_versions):
            return None
        seen = Request(asgi_scope(request, user), RequestBody(admitted.authorized.body))
        connection: Connection | None
        if is_modern:
            connection = self._modern_connection(operation.message, message, seen.headers)
            transport = TransportContext(kind="streamable-http", can_send_request=False, headers=seen.headers)
        else:
            connection = Connection.from_envelope(version, None, None)
            transport = _OLDER_TRANSPORT
        if connection is None:
            return None
        return CallContext(
            message,
            request_id=message.id,
            message_metadata=ServerMessageMetadata(request_context=seen, can_send_request=False),
            transport=transport,
            connection=connection,
            is_modern=is_modern,
            encode=_encode_modern if is_modern else _encode_older,
            http=None if self._json_response else request,
        )

    def _modern_connection(
        self, judged: Mapping[str, Any], message: JSONRPCRequest, headers: Mapping[str, str]
    ) -> Connection | None:
        """The connection that the request describes, or None if its headers and members do not agree."""
        route = classify_inbound_request(judged, headers=headers)
        if not isinstance(route, InboundModernRoute) or not self._parameters_agree(message, headers):
            return None
        return Connection.from_envelope(route.protocol_version, route.client_info, route.client_capabilities)

    def _check_headers(self, content_type: str | None, accept: str | None) -> bool:
        """Whether the body is JSON in the words that every reader of the SDK knows, and any answer is acceptable."""
        if (content_type or "").partition(";")[0].strip() != "application/json":
            return False
        value = "*/*" if accept is None else accept
        headers = [(b"accept", value.encode("utf-8", "surrogateescape"))]
        has_json, has_events = check_accept_headers(Request({"type": "http", "headers": headers}))
        return has_json and (has_events or self._json_response)

    def _parameters_agree(self, message: JSONRPCRequest, headers: Mapping[str, str]) -> bool:
        """Whether it is known at once that `Mcp-Param-*` headers agree with the arguments of a tool."""
        if message.method != "tools/call":
            return True
        lookup = self._server.get_tool_input_schema
        if lookup is None:
            # The schema is in the list of tools, if there is one, which the SDK asks the server for.
            return self._server.get_request_handler("tools/list") is None
        params = message.params or {}
        name, arguments = params.get("name"), params.get("arguments")
        if not isinstance(name, str) or not isinstance(arguments, dict | None):
            return True  # the kernel refuses them
        try:
            schema = lookup(name)
        except Exception:  # noqa: BLE001 - the SDK calls it again, and logs what it raises
            return False
        if schema is None or self._schemas.declare_no_header(name, schema):
            return True
        return validate_mcp_param_headers(schema, arguments or {}, headers) is None


def _request_of(message: Mapping[str, Any], *, is_modern: bool) -> JSONRPCRequest | None:
    """The request as the SDK reads it on this wire; None if the SDK would not read a request."""
    try:
        parsed = (
            JSONRPCRequest.model_validate(message)
            if is_modern
            else jsonrpc_message_adapter.validate_python(message, by_name=False)
        )
    except ValidationError:
        return None
    return parsed if isinstance(parsed, JSONRPCRequest) else None


def _encode_modern(message: BaseModel) -> bytes:
    """A message as JSON, without members of the envelope that are null."""
    try:
        return message.model_dump_json(by_alias=True, exclude_none=True).encode()
    except PydanticSerializationError:
        # A lone surrogate is no character of UTF-8. The SDK escapes it on this wire.
        return json.dumps(message.model_dump(mode="json", by_alias=True, exclude_none=True)).encode()


def _encode_older(message: BaseModel) -> bytes:
    """A message as JSON, with every member that is set, null included."""
    return message.model_dump_json(by_alias=True, exclude_unset=True).encode()


def _status(message: JSONRPCResponse | JSONRPCError) -> int:
    """The HTTP status on the wire of 2026-07-28. On the older one an error is an answer like any other."""
    return ERROR_CODE_HTTP_STATUS.get(message.error.code, 200) if isinstance(message, JSONRPCError) else 200


class _SchemasWithoutHeaders:
    """Remembers schemas of tools that declare no `Mcp-Param-*` header, so that none can disagree with an argument.

    A comparison with the remembered copy costs a fifth of a walk through a schema, and notices a change in place.
    """

    def __init__(self) -> None:
        self._known: dict[str, Any] = {}

    def declare_no_header(self, name: str, schema: Mapping[str, Any]) -> bool:
        known = self._known.get(name)
        if known is not None and known == schema:
            return True
        if find_invalid_x_mcp_header(schema) is not None or x_mcp_header_map(schema):
            return False
        if len(self._known) < _REMEMBERED_SCHEMAS:
            self._known[name] = deepcopy(schema)
        return True
