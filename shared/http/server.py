"""The HTTP server under both services: aiohttp's, with deadlines and bounds, and with one place for every answer.

A malformed request passes through the application like any other, so that it has a request id, a log line, a metric and
a rate limit. aiohttp itself would answer with the error text of its parser, which quotes the request.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

from aiohttp import HttpVersion11, web
from aiohttp.web_protocol import ERROR
from multidict import CIMultiDict, CIMultiDictProxy, istr
from yarl import URL

from shared.errors import RequestRejected
from shared.http.health import DRAINING
from shared.http.mutation_shield import MUTATION_SHIELD
from shared.http.prepared_documents import documents_of
from shared.http.server_errors import answer_unexpected, not_http
from shared.http.stream_heads import HEAD_BYTES

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable

    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.http_parser import RawRequestMessage
    from aiohttp.streams import StreamReader
    from aiohttp.web_protocol import _ErrInfo
    from aiohttp.web_protocol import _RequestHandler as _Handler

    from shared.http.connections import ConnectionTable
    from shared.http.stream_heads import StreamHeads

MAX_HEADER_BYTES: Final = 16_384
"""One header line, or the request line."""

MAX_HEAD_BYTES: Final = 65_536
"""The request line and all headers."""

HEAD_SECONDS: Final = 10.0
"""From the start of a connection to the end of its first head."""

KEEPALIVE_SECONDS: Final = 75.0
"""From an answer to the end of the next head. Longer than the 60 s that load balancers keep an idle connection: so they
close it, and send no request on a connection that is just being closed here."""

UNREAD_ANSWER_SECONDS: Final = 60.0
"""How long a client may read nothing of an answer that waits for it."""

UNWANTED_BODY_SECONDS: Final = 5.0
UNWANTED_BODY_BYTES: Final = 262_144
"""The rest of a body whose request has been answered is read and dropped within these bounds, because a connection that
is closed with bytes unread loses the answer too. Of a service that accepts longer bodies, as much as it accepts."""

LONGEST_BODY: Final = web.AppKey("LONGEST_BODY", int)
"""Bytes of the longest body that the application accepts."""

_READ_BUFFER_BYTES: Final = 16_384
"""At most twice as much of a body waits in memory, per connection."""

_EXPECT: Final = istr("Expect")

EXPECTATION: Final = web.RequestKey("expectation", str)
"""The Expect header, which aiohttp would answer before any middleware."""

PROTOCOL_ERROR: Final = web.RequestKey("protocol_error", RequestRejected)
"""Set when what came is not an HTTP request."""

_NO_HEADERS: Final = CIMultiDictProxy[str](CIMultiDict())


class Connection(web.RequestHandler):
    """One connection: aiohttp closes it when it is idle for long, this class for every other deadline."""

    __slots__ = (
        "_apart_from_body",
        "_deadline",
        "_held",
        "_last_body",
        "_shield",
        "_socket",
        "_stream_heads",
        "_table",
        "_unread_deadline",
        "_unwanted_body_bytes",
    )

    def __init__(self, server: Server, table: ConnectionTable, *, unwanted_body_bytes: int, **options: Any) -> None:
        super().__init__(server, **options)
        self._table = table
        self._shield = server.shield
        self._unwanted_body_bytes = unwanted_body_bytes
        self._socket: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._unread_deadline: asyncio.TimerHandle | None = None
        self._last_body: StreamReader | None = None
        self._apart_from_body = 0
        # Set where streams begin a few per turn (paced_connections.py).
        self._stream_heads: StreamHeads | None = None
        self._held: bytes | None = None

    @property
    def waiting_since(self) -> float | None:
        """Seconds of the loop's clock; None while a complete request is being answered."""
        is_idle = self._waiter is not None and not self._waiter.done()
        is_closing = self._force_close or self._task_handler is None
        if is_idle or is_closing or not self._has_whole_body():
            return self._next_keepalive_close_time - KEEPALIVE_SECONDS
        return None

    def end(self, reason: str) -> None:
        """Close the connection at once. `reason` is a label of the metric."""
        if self._socket is not None:
            self._table.ended(reason)
            self._socket.abort()
            self._socket = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start with the deadline of the first head, unless there are too many connections."""
        self._socket = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        if not self._table.enter(self, peer[0] if isinstance(peer, tuple) else None):
            self._socket.abort()
            return
        super().connection_made(transport)
        self._deadline = self._loop.call_later(HEAD_SECONDS, self.end, "head_time")

    def connection_lost(self, exc: BaseException | None) -> None:
        """Cancel the deadlines."""
        for deadline in (self._deadline, self._unread_deadline):
            if deadline is not None:
                deadline.cancel()
        self._socket = self._deadline = self._unread_deadline = None
        self._table.leave(self)
        self._shield_request()
        super().connection_lost(exc)

    async def shutdown(self, timeout: float | None = 15.0) -> None:  # noqa: ASYNC109 - the signature is aiohttp's
        """Close the connection when the request in progress has ended, or its time is over."""
        self._shield_request()
        await super().shutdown(timeout)

    def data_received(self, data: bytes) -> None:
        """Hand the bytes to the parser, and bound what is neither a whole head nor a body that is wanted."""
        streams = self._stream_heads
        if streams is not None and (
            self._held is not None
            or data.startswith(streams.beginnings)
            or data.find(streams.marker, 0, HEAD_BYTES) >= 0
        ):
            self._hold(data)
            return
        heads = self._request_count
        had_whole_body = self._has_whole_body()
        super().data_received(data)
        if self._request_count != heads:
            self._apart_from_body = 0
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None
            if self._messages:
                self._last_body = self._messages[-1][1]
            return
        if self._has_whole_body():
            if not had_whole_body:
                # These bytes were the end of a body.
                return
            self._apart_from_body += len(data)
            if self._apart_from_body > MAX_HEAD_BYTES:
                self.end("head_size")
        elif self._current_request is None:
            if self._apart_from_body > self._unwanted_body_bytes:
                self.end("body_unwanted")
            # Counted when more arrives: with the end of a body the next request may come, which is not parsed yet.
            self._apart_from_body += len(data)

    def pause_writing(self) -> None:
        """The client does not read, or more slowly than the answer is written."""
        super().pause_writing()
        self._wait_for_reader(None)

    def resume_writing(self) -> None:
        """The client reads again."""
        if self._unread_deadline is not None:
            self._unread_deadline.cancel()
            self._unread_deadline = None
        super().resume_writing()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer an exception that no middleware caught: 503, with the exception in the log only."""
        del status, message
        return answer_unexpected(request, exc)

    def _hold(self, data: bytes) -> None:
        """Take the first bytes of a stream, and all that follow until they are parsed."""
        raise NotImplementedError

    def _wait_for_reader(self, unread_before: int | None) -> None:
        """End the connection if as many bytes are unread as before; otherwise look again later."""
        if self._socket is None:
            return
        unread = self._socket.get_write_buffer_size()
        if unread_before is not None and unread >= unread_before:
            self.end("answer_unread")
            return
        self._unread_deadline = self._loop.call_later(UNREAD_ANSWER_SECONDS, self._wait_for_reader, unread)

    def _shield_request(self) -> None:
        """Let a state-changing request run to its end: aiohttp is about to cancel the task that it finds here."""
        if self._shield is not None and self._shield.keeps(self._current_request, self._task_handler):
            self._task_handler = None

    def _has_whole_body(self) -> bool:
        return self._last_body is None or self._last_body.is_eof()

    def _make_error_handler(self, err_info: _ErrInfo) -> _Handler:
        # Without this, aiohttp answers for itself, with the text of its parser.
        serve = cast("_Handler", self._request_handler)

        async def reject(request: web.BaseRequest) -> web.StreamResponse:
            request[PROTOCOL_ERROR] = not_http(err_info.exc)
            response = await serve(request)
            response.force_close()
            return response

        return reject


class Server(web.Server):
    """Makes a `Connection` for each connection, and a request for each message."""

    connection: Callable[..., Connection] = Connection

    def __init__(self, served: web.Server, app: web.Application, table: ConnectionTable) -> None:
        """Serve the application that `served` would serve."""
        handler = _documents_first(served.request_handler, app)
        super().__init__(handler, request_factory=self._request, handler_cancellation=True)
        self._make = served.request_factory
        self._table = table
        self.shield = app.get(MUTATION_SHIELD)
        self._unwanted_body_bytes = max(UNWANTED_BODY_BYTES, app.get(LONGEST_BODY, 0))

    def __call__(self) -> web.RequestHandler:
        """Answer a new connection."""
        return self.connection(
            self,
            self._table,
            unwanted_body_bytes=self._unwanted_body_bytes,
            loop=self._loop,
            access_log=None,
            keepalive_timeout=KEEPALIVE_SECONDS,
            lingering_time=UNWANTED_BODY_SECONDS,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            read_bufsize=_READ_BUFFER_BYTES,
            # A body is refused when it is compressed (application.py): nothing of it may be unpacked before.
            auto_decompress=False,
        )

    def _request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        if message is ERROR:
            # Its headers are a plain dict, and its path is that of a page.
            message = message._replace(
                headers=_NO_HEADERS, raw_headers=(), version=HttpVersion11, path="*", url=URL.build(path="*")
            )
        if _EXPECT not in message.headers:
            return self._make(message, payload, protocol, writer, task)
        expectation = message.headers.getall(_EXPECT)
        kept = CIMultiDict(message.headers)
        del kept[_EXPECT]
        request = self._make(message._replace(headers=CIMultiDictProxy(kept)), payload, protocol, writer, task)
        request[EXPECTATION] = ", ".join(expectation)
        return request


def _documents_first(application: _Handler, app: web.Application) -> _Handler:
    documents = documents_of(app)
    if documents is None:
        return application
    draining = app[DRAINING]

    def answer(request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        # An expectation is noted in the request. In a drain each answer closes its connection, as the application does.
        if request.raw_path not in documents.paths or len(request) or draining.is_set():
            return application(request)
        return documents.answer(request, application)

    return answer
