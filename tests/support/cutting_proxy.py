"""A TCP proxy whose connections the test cuts: at once, or when the server answers next."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Self


@dataclass(eq=False)
class _Connection:
    task: asyncio.Task[None] | None
    near: asyncio.StreamWriter
    far: asyncio.StreamWriter | None = None
    loses_answer: bool = False

    def cut(self) -> None:
        for end in (self.near, self.far):
            if end is not None:
                end.transport.abort()


class CuttingProxy:
    """In front of a port of this machine. An async context manager; `url` is its address."""

    def __init__(self, port: int) -> None:
        """`port` is that of the server behind it, which need not run yet."""
        self._port = port
        self._connections: set[_Connection] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._server.close()
        self.cut()
        await asyncio.gather(*(c.task for c in self._connections if c.task is not None), return_exceptions=True)

    def cut(self) -> int:
        """Cut every connection; how many there were."""
        for connection in self._connections:
            connection.cut()
        return len(self._connections)

    def cut_at_answer(self) -> int:
        """Cut each connection that is open now in place of the next bytes from the server; how many there are."""
        for connection in self._connections:
            connection.loses_answer = True
        return len(self._connections)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(asyncio.current_task(), writer)
        self._connections.add(connection)
        try:
            from_server, connection.far = await asyncio.open_connection("127.0.0.1", self._port)
            await asyncio.gather(
                self._pump(connection, reader, connection.far), self._pump(connection, from_server, writer)
            )
        except OSError:
            pass  # the server is not there: the client sees its connection end
        finally:
            self._connections.discard(connection)
            connection.cut()

    async def _pump(self, connection: _Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if connection.loses_answer and writer is connection.near:
                    break
                writer.write(data)
                await writer.drain()
        # HTTP of a client that keeps its side open until it has the answer: no half-closed connections.
        connection.cut()
