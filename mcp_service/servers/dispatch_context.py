"""One request as the kernel of the mcp SDK sees it: its id, its transport, and where notifications and exceptions go.

Notifications go to a stream, which begins when it is needed: an ordinary call has none (answer_stream.py).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final

import anyio
from mcp.server.runner import modern_error_data
from mcp.shared.exceptions import NoBackChannelError
from mcp.shared.jsonrpc_dispatcher import handler_exception_to_error_data, progress_token_from_params
from mcp_types import ErrorData, JSONRPCNotification

from mcp_service.servers.answer_stream import AnswerStream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiohttp import web
    from mcp.server.connection import Connection
    from mcp.shared.dispatcher import CallOptions
    from mcp.shared.message import ServerMessageMetadata
    from mcp.shared.transport_context import TransportContext
    from mcp_types import JSONRPCRequest, RequestId
    from pydantic import BaseModel

_log: Final = logging.getLogger(__name__)


@dataclass(eq=False)
class CallContext:
    """The `DispatchContext` of the SDK for one request in one POST.

    A server cannot ask the client for anything here: without a session an answer would reach no one.
    """

    message: JSONRPCRequest
    request_id: RequestId
    message_metadata: ServerMessageMetadata
    transport: TransportContext
    connection: Connection
    """Not a member of a `DispatchContext`, like what follows; the kernel is given it with the context."""
    is_modern: bool
    """Whether the wire is that of 2026-07-28, where each request carries its own version and capabilities."""
    encode: Callable[[BaseModel], bytes]
    """A message as JSON on the wire of the request."""
    http: web.Request | None
    """The request that a stream would answer. Without it notifications are dropped, as the SDK drops them in JSON mode.
    """
    stream: AnswerStream | None = None
    """Begun by the first notification, or by pings."""
    is_answered: bool = False
    """Whether what is sent from now on is dropped."""
    can_send_request: ClassVar[bool] = False

    @cached_property
    def cancel_requested(self) -> anyio.Event:
        """Never set: a client cancels by closing the connection, which cancels the task."""
        return anyio.Event()

    async def send_raw_request(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> dict[str, Any]:
        """Raises NoBackChannelError."""
        del params, opts
        raise NoBackChannelError(method)

    async def notify(self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None) -> None:
        """Send a notification on the stream of this answer."""
        del opts
        if self.http is not None and not self.is_answered:
            await self._stream_to(self.http).send(self.encode(_notification(method, params)))

    async def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Report progress, if the client has named a token for it."""
        token = progress_token_from_params(self.message.params)
        if token is None:
            return
        params: dict[str, Any] = {"progressToken": token, "progress": progress}
        if total is not None:
            params["total"] = total
        if message is not None:
            params["message"] = message
        await self.notify("notifications/progress", params)

    def start_pings(self) -> None:
        """Keep the connection of a slow answer alive."""
        if self.http is not None:
            self._stream_to(self.http).start_pings()

    def error(self, exc: Exception) -> ErrorData:
        """The error that the client gets for an exception of the kernel or of a handler, which is logged.

        On the wire of 2026-07-28 it is an internal error without its text; on the older one code 0 with its text, as
        the dispatcher of the SDK has it.
        """
        if self.is_modern:
            return modern_error_data(exc)
        error = handler_exception_to_error_data(exc)
        if error is None:
            _log.error("handler for %r raised", self.message.method, exc_info=exc)
            error = ErrorData(code=0, message=str(exc))
        return error

    def _stream_to(self, http: web.Request) -> AnswerStream:
        if self.stream is None:
            self.stream = AnswerStream(http)
        return self.stream


def _notification(method: str, params: Mapping[str, Any] | None) -> JSONRPCNotification:
    """A notification. Absent params stay unset: the older wire would write a null that is set."""
    if params is None:
        return JSONRPCNotification(jsonrpc="2.0", method=method)
    return JSONRPCNotification(jsonrpc="2.0", method=method, params=dict(params))
