"""The bridge from aiohttp to a server of Streamable HTTP that is an ASGI application.

Owns: streaming without buffering, cancellation of a tool whose client disconnects, the latest end of an answer.
Does not own: any decision about a request; the guard has made it. Most calls of a server of the mcp SDK do not need
the bridge (direct_call.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from mcp_service.guard.errors import NotAcceptable
from mcp_service.servers.protected_server import AnswerOverdue
from shared.http.request_middleware import REQUEST_ID, REQUEST_ID_HEADER

if TYPE_CHECKING:
    from mcp_service.servers.protected_server import AdmittedRequest

Message = MutableMapping[str, Any]
"""A scope, or one message of ASGI."""

AsgiApp = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]

_CONNECTION_HEADERS: Final = frozenset({"connection", "transfer-encoding", "content-length", "date", "server"})


async def run_asgi(app: AsgiApp, scope: Message, request: web.Request, admitted: AdmittedRequest) -> web.StreamResponse:
    """Run one request through an ASGI application; `scope` is that of in_process.py, without the token.

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
            await app(scope, receive, response.send)
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
