"""A response that becomes a stream of server-sent events only when something must be sent before the result.

MCP 2025-11-25 and 2026-07-28, transports: the answer to a POST is one JSON document, or a stream that ends with it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aiohttp import web

from mcp_service.servers.protected_server import AnswerOverdue
from shared.http.request_middleware import REQUEST_ID, REQUEST_ID_HEADER

if TYPE_CHECKING:
    from collections.abc import Mapping

PING_SECONDS: Final = 15.0
"""How long an answer may be silent, since proxies close connections on which nothing moves. The interval of the SDK."""

PINGS: Final = "pings of an answer"
"""The name of the task that sends them."""

_CANCEL_SECONDS: Final = 1.0
"""How long the cancellation may take that follows a disconnect."""

_PING: Final = b": ping\r\n\r\n"
_HEADERS: Final[Mapping[str, str]] = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
}


class AnswerStream:
    """The events before a result, and pings while nothing else is sent. Call `close` in the end, whatever happened.

    Most answers never need one. A caller that makes it late calls `start_pings` when PING_SECONDS have passed.
    """

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._response: web.StreamResponse | None = None
        self._disconnected: ConnectionResetError | None = None
        self._is_closed = False
        self._writing = asyncio.Lock()
        self._pings: asyncio.Task[None] | None = None
        self._last_sent = 0.0
        self._loop = asyncio.get_running_loop()

    @property
    def has_begun(self) -> bool:
        """Whether the response is a stream by now."""
        return self._response is not None

    def start_pings(self) -> None:
        """Send the first ping, when nothing has been sent for PING_SECONDS, and go on until `close`."""
        self._pings = self._loop.create_task(self._ping(), name=PINGS)

    async def send(self, message: bytes) -> None:
        """Send a message as an event; the first one begins the stream. Dropped after `close`, or without a client."""
        if not self._is_closed:
            await self._write(_event(message))

    async def finish(self, message: bytes) -> web.StreamResponse:
        """Send the last event and end the stream. Raises ConnectionResetError when the client has disconnected."""
        self.close()
        await self._write(_event(message))
        return await self.end()

    async def end(self) -> web.StreamResponse:
        """End the stream as it is. Raises AnswerOverdue if none has begun, ConnectionResetError without a client."""
        self.close()
        if self._response is None:
            raise AnswerOverdue
        if self._disconnected is None:
            try:
                await self._response.write_eof()
            except ConnectionResetError as exc:
                self._disconnected = exc
        if self._disconnected is not None:
            # aiohttp is about to cancel this task; an exception before that would be an error to it.
            await asyncio.sleep(_CANCEL_SECONDS)
            raise self._disconnected
        return self._response

    def close(self) -> None:
        """Drop what a tool sends from now on, and end the pings."""
        self._is_closed = True
        if self._pings is not None:
            self._pings.cancel()

    async def _write(self, data: bytes) -> None:
        async with self._writing:
            if self._disconnected is not None:
                return
            try:
                if self._response is None:
                    self._response = web.StreamResponse(headers=_HEADERS)
                    self._response.headers[REQUEST_ID_HEADER] = self._request[REQUEST_ID]
                    await self._response.prepare(self._request)
                await self._response.write(data)
            except ConnectionResetError as exc:
                # Raised here it would reach the tool, which can do nothing about it.
                self._disconnected = exc
            self._last_sent = self._loop.time()

    async def _ping(self) -> None:
        while not self._is_closed:
            silent_until = self._last_sent + PING_SECONDS if self.has_begun else 0.0
            if (rest := silent_until - self._loop.time()) > 0:
                await asyncio.sleep(rest)
            else:
                await self._write(_PING)


def _event(message: bytes) -> bytes:
    return b"event: message\r\ndata: " + message + b"\r\n\r\n"
