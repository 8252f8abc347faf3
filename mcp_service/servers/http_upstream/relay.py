"""Passes one answer of the server on to the client, as it arrives.

The client's reading governs: a write waits while the client does not read, then nothing more is read from the server.
An answer that breaks off at the server breaks off for the client too, and never ends as if it were complete.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, Final

import aiohttp
from aiohttp import HttpVersion11, web
from aiohttp.http_exceptions import HttpProcessingError

from mcp_service.guard.errors import GatewayTimeout, UnreadableAnswer
from mcp_service.servers.http_upstream.errors import broken, not_mcp
from mcp_service.servers.http_upstream.paced_reading import read_in_turn
from mcp_service.servers.http_upstream.response_headers import for_stream
from shared.http.request_middleware import LOG_FIELDS, REQUEST_ID, REQUEST_ID_HEADER

if TYPE_CHECKING:
    from multidict import CIMultiDict

    from mcp_service.guard.errors import McpError
    from mcp_service.servers.http_upstream.passed_lists import Rewriter
    from mcp_service.servers.open_streams import StreamEnding

QUIET_SECONDS: Final = 15.0
"""After so long without a byte a comment is added to a stream of events: proxies and clients give silent ones up."""
COMMENT: Final = b":\n\n"
_ENDS_OF_EVENT: Final = (b"\n\n", b"\r\n\r\n", b"\r\r")
_TAIL_BYTES: Final = 4
_RESET: Final = struct.pack("ii", 1, 0)

WHOLE_BYTES: Final = 65_536
"""A body of at most so many bytes is read whole, so that a failure before its end is an error response."""


class _BrokeOff(Exception):
    """The body of the server's answer did not come to its end."""

    def __init__(self, error: McpError) -> None:
        super().__init__(error.reason)
        self.error = error


class Relay:
    """The client's side of one answer."""

    def __init__(
        self, request: web.Request, *, idle_seconds: float, max_bytes: int, ending: StreamEnding | None
    ) -> None:
        """`idle_seconds` and `max_bytes` are for bodies that are not streams of events.

        Once `ending` is set no event is passed on (invariant 12), also while the stream waits to be closed.
        """
        self._request = request
        self._idle_seconds = idle_seconds
        self._max_bytes = max_bytes
        self._ending = ending
        self._response: web.StreamResponse | None = None
        self._is_event_stream = False
        self.failure: str | None = None
        """The error_id of an answer that broke off after it had begun."""

    @property
    def begun(self) -> web.StreamResponse | None:
        """The response whose head has been sent."""
        return self._response

    async def body(
        self, answer: aiohttp.ClientResponse, headers: CIMultiDict[str], *, status: int, rewriter: Rewriter | None
    ) -> web.StreamResponse:
        """Pass on a body of limited length. Raises McpError while nothing has been sent.

        What passes through a rewriter is sent as a whole.
        """
        if (answer.content_length or 0) > self._max_bytes:
            raise not_mcp(f"a body of {answer.content_length} bytes")
        parts: list[bytes] = []
        size = 0
        try:
            while size < WHOLE_BYTES or rewriter is not None:
                part = await self._read_in_time(answer)
                if not part:
                    break
                parts.append(part if rewriter is None else rewriter.feed(part))
                size += len(part)
        except _BrokeOff as exc:
            raise exc.error from exc
        if rewriter is not None:
            parts.append(rewriter.finish())
        if answer.content.at_eof():
            return web.Response(status=status, body=b"".join(parts), headers=headers)
        return await self._long_body(answer, headers, b"".join(parts), status=status)

    async def _long_body(
        self, answer: aiohttp.ClientResponse, headers: CIMultiDict[str], begin: bytes, *, status: int
    ) -> web.StreamResponse:
        response = await self._begin(status, headers, answer.content_length)
        await response.write(begin)
        size = len(begin)
        try:
            while part := await self._read_in_time(answer):
                size += len(part)
                if size > self._max_bytes:
                    return self._break_off(response, not_mcp(f"a body of more than {self._max_bytes} bytes"))
                await response.write(part)
        except _BrokeOff as exc:
            return self._break_off(response, exc.error)
        await response.write_eof()
        return response

    def without_body(self, headers: CIMultiDict[str], *, status: int) -> web.StreamResponse:
        """Pass on an answer without its body, which has no meaning for this status."""
        headers.popall("Content-Type", None)
        headers.popall("Content-Encoding", None)
        return web.Response(status=status, headers=headers)

    async def events(
        self, answer: aiohttp.ClientResponse, headers: CIMultiDict[str], *, status: int, rewriter: Rewriter | None
    ) -> web.StreamResponse:
        """Pass on a stream of events, byte by byte as it is, without a bound on its length or duration."""
        self._is_event_stream = True
        if self._ending is not None:
            read_in_turn(answer, self._ending.in_turn)
        response = await self._begin(status, for_stream(headers), None)
        # Within an encoded body nothing can be inserted.
        quiet_seconds = None if "Content-Encoding" in headers else QUIET_SECONDS
        tail = _ENDS_OF_EVENT[0]
        try:
            while (part := await self._read(answer, quiet_seconds)) != b"":
                if part is None and self._ending is not None:
                    await self._ending.turn()
                if self._ending is not None and self._ending.is_set():
                    break
                if part is not None and rewriter is not None:
                    part = rewriter.feed(part)
                if part:
                    tail = (tail + part[-_TAIL_BYTES:])[-_TAIL_BYTES:]
                    await response.write(part)
                elif part is None and tail.endswith(_ENDS_OF_EVENT):
                    await response.write(COMMENT)
            else:
                if rewriter is not None:
                    await response.write(rewriter.finish())
        except _BrokeOff as exc:
            return self._break_off(response, exc.error)
        except UnreadableAnswer as exc:
            return self._break_off(response, exc)
        await response.write_eof()
        return response

    async def cut_off(self) -> web.StreamResponse | None:
        """End what has begun because its time is over: a stream of events as a whole one, a body broken off."""
        if self._response is None:
            return None
        if self._is_event_stream:
            await self._response.write_eof()
            return self._response
        return self._break_off(
            self._response, GatewayTimeout("the answer took longer than its token allows", error_id="answer_overdue")
        )

    async def _read(self, answer: aiohttp.ClientResponse, seconds: float | None) -> bytes | None:
        """The next bytes; empty at the end, None if there are none within the time. Raises _BrokeOff."""
        limit = None
        try:
            if answer.content.is_eof():
                # The rest has come, as it mostly has with the head: no timer is needed.
                return await answer.content.readany()
            async with asyncio.timeout(seconds) as limit:
                return await answer.content.readany()
        except (aiohttp.ClientError, HttpProcessingError, OSError) as exc:
            if limit is not None and limit.expired():
                return None
            raise _BrokeOff(broken(f"{type(exc).__name__} within the body")) from exc

    async def _read_in_time(self, answer: aiohttp.ClientResponse) -> bytes:
        part = await self._read(answer, self._idle_seconds)
        if part is None:
            reason = f"no byte of the body within {self._idle_seconds:g} s"
            raise _BrokeOff(GatewayTimeout(reason, error_id="upstream_idle_time"))
        return part

    async def _begin(self, status: int, headers: CIMultiDict[str], length: int | None) -> web.StreamResponse:
        response = web.StreamResponse(status=status, headers=headers)
        response.content_length = length
        response.headers[REQUEST_ID_HEADER] = self._request[REQUEST_ID]
        # Set before the head is sent: from here on a second response is impossible.
        self._response = response
        await response.prepare(self._request)
        return response

    def _break_off(self, response: web.StreamResponse, error: McpError) -> web.StreamResponse:
        """Close the client's connection, so that the body that has begun is not taken for a whole one."""
        self.failure = error.error_id
        self._request[LOG_FIELDS].update(error_id=error.error_id, reason=error.reason)
        transport = self._request.transport
        if transport is not None:
            if self._request.version >= HttpVersion11:
                # What has been sent arrives; the missing end of the body tells the rest.
                transport.close()
            else:
                # To HTTP/1.0 a close is the end of a body, a reset is not.
                transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                transport.abort()
        return response
