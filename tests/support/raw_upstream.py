"""An HTTP server that keeps the bytes of every request, and answers with bytes that a test chooses, however wrong."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class RawRequest:
    """One request as it came. `connection` counts the connections with requests from 1."""

    head: bytes
    body: bytes
    connection: int
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the other side closes while the answer is under way."""

    @property
    def line(self) -> str:
        return self.head.split(b"\r\n", 1)[0].decode("latin-1")

    @property
    def fields(self) -> list[tuple[str, str]]:
        """Names in lower case, in order, with duplicates."""
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines if line)]

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.fields)

    @property
    def rpc_id(self) -> Any:
        return json.loads(self.body).get("id") if self.body else None


Answer = Callable[[RawRequest, asyncio.StreamWriter], Awaitable[None]]


def http(status: str, body: bytes = b"", *headers: str, length: bool = True) -> bytes:
    """The bytes of an answer."""
    lines = [f"HTTP/1.1 {status}", *headers, *([f"Content-Length: {len(body)}"] if length else [])]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def json_answer(message: Any, *headers: str, status: str = "200 OK") -> bytes:
    """A JSON answer."""
    return http(status, json.dumps(message).encode(), "Content-Type: application/json", *headers)


EVENTS_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(message: Any) -> bytes:
    """One event of a stream."""
    return b"event: message\ndata: " + json.dumps(message).encode() + b"\n\n"


async def echo(request: RawRequest, writer: asyncio.StreamWriter) -> None:
    """The usual answer: a result, with the id of the request; accepted, where there is none."""
    rpc_id = request.rpc_id
    writer.write(
        http("202 Accepted")
        if rpc_id is None
        else json_answer({"jsonrpc": "2.0", "id": rpc_id, "result": {"resultType": "complete"}})
    )


def bytes_answer(data: bytes, *, then_close: bool = False) -> Answer:
    """Always the same bytes."""

    async def answer(_request: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        if then_close:
            writer.close()

    return answer


class RawUpstream:
    """Listens on a free port of this machine, or on a Unix socket."""

    def __init__(self) -> None:
        self.requests: list[RawRequest] = []
        self.answer: Answer = echo
        self.connections = 0
        self.bytes_seen = b""
        """Everything that came, on all connections."""
        self.port = 0
        self._arrived = asyncio.Condition()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    async def start(self, port: int = 0, *, socket: str | None = None, tls: Any = None) -> None:
        if socket is not None:
            self._server = await asyncio.start_unix_server(self._serve, socket, limit=1 << 22)
            return
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, ssl=tls, limit=1 << 22)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening, and end all connections at once."""
        if self._server is not None:
            self._server.close()
            for writer in list(self._writers):
                writer.transport.abort()
            await self._server.wait_closed()
            self._server = None

    async def until(self, count: int) -> RawRequest:
        """Wait for so many requests in all; return the last of them."""
        async with asyncio.timeout(10), self._arrived:
            await self._arrived.wait_for(lambda: len(self.requests) >= count)
        return self.requests[count - 1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        connection = 0
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, OSError):
                while not writer.is_closing():
                    head = await reader.readuntil(b"\r\n\r\n")
                    if not connection:
                        self.connections += 1
                        connection = self.connections
                    request = await self._read(head, reader, connection)
                    await self._answer(request, reader, writer)
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _read(self, head: bytes, reader: asyncio.StreamReader, connection: int) -> RawRequest:
        self.bytes_seen += head
        request = RawRequest(head.removesuffix(b"\r\n\r\n"), b"", connection)
        request.body = await reader.readexactly(int(request.headers.get("content-length", "0")))
        self.bytes_seen += request.body
        async with self._arrived:
            self.requests.append(request)
            self._arrived.notify_all()
        return request

    async def _answer(self, request: RawRequest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering = asyncio.ensure_future(self.answer(request, writer))
        watching = asyncio.ensure_future(_until_left(reader))
        await asyncio.wait((answering, watching), return_when=asyncio.FIRST_COMPLETED)
        if watching.done():
            request.left.set()
        watching.cancel()
        if not answering.done():
            answering.cancel()
        try:
            await answering
        except (asyncio.CancelledError, OSError):
            request.left.set()
        with contextlib.suppress(OSError):
            await writer.drain()


async def _until_left(reader: asyncio.StreamReader) -> None:
    # A byte of a next request stays where it is: the other side sends none before the answer.
    while not reader.at_eof() and reader.exception() is None:  # noqa: ASYNC110 - a reader has no event for its end
        await asyncio.sleep(0.002)
