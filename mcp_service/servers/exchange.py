"""One request as the kernel of the mcp SDK sees it: its id, its transport, and where its notifications go."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import anyio
from mcp.shared.exceptions import NoBackChannelError
from mcp.shared.jsonrpc_dispatcher import progress_token_from_params
from mcp.shared.message import ServerMessageMetadata
from mcp.shared.transport_context import TransportContext

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp.shared.dispatcher import CallOptions
    from mcp_types import JSONRPCRequest
    from starlette.requests import Request

    from mcp_service.servers.answer_stream import AnswerStream
    from mcp_service.servers.wires import Wire

_OLDER_TRANSPORT: Final = TransportContext(kind="streamable-http", can_send_request=False)


class Exchange:
    """The `DispatchContext` of the SDK for one request in one POST.

    A server cannot ask the client for anything here: without a session an answer would reach no one.
    """

    can_send_request: Final = False

    def __init__(self, message: JSONRPCRequest, request: Request, wire: Wire, stream: AnswerStream | None) -> None:
        """Without a stream notifications are dropped, as the SDK drops them in JSON mode."""
        self._message = message
        self._wire = wire
        self._stream = stream
        self.request_id = message.id
        self.message_metadata = ServerMessageMetadata(request_context=request, can_send_request=False)
        self.transport = (
            TransportContext(kind="streamable-http", can_send_request=False, headers=request.headers)
            if wire.is_modern
            else _OLDER_TRANSPORT
        )

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
        if self._stream is not None:
            await self._stream.send(self._wire.encode(self._wire.notification(method, params)))

    async def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Report progress, if the client has named a token for it."""
        token = progress_token_from_params(self._message.params)
        if token is None:
            return
        params: dict[str, Any] = {"progressToken": token, "progress": progress}
        if total is not None:
            params["total"] = total
        if message is not None:
            params["message"] = message
        await self.notify("notifications/progress", params)
