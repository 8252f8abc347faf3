"""Tool calls as bytes, written to the socket ready-made: the client costs little, and the same for every server."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from typing import TYPE_CHECKING, Any, Self

from tests.benchmarks.harness import processor_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

MODERN, OLDER = "2026-07-28", "2025-11-25"
CONNECTIONS = 4


def tool_call(token: str, tool: str, arguments: dict[str, Any], *, protocol: str = MODERN) -> bytes:
    """One call, on the wire of that version of the protocol; on the older one without a session."""
    params: dict[str, Any] = {"name": tool, "arguments": arguments}
    routing = ""
    if protocol == MODERN:
        params["_meta"] = {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        routing = f"Mcp-Method: tools/call\r\nMcp-Name: {tool}\r\n"
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    return (
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: {protocol}\r\n{routing}"
        f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> tuple[int, bytes]:
    """Send a request, read the whole answer; its status and body. That of a stream keeps its chunk framing."""
    writer.write(data)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b"transfer-encoding: chunked\r\n" in head:
        # No line of server-sent events is a lone 0.
        return int(head[9:12]), await reader.readuntil(b"\r\n0\r\n\r\n")
    length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return int(head[9:12]), await reader.readexactly(length)


class Callers:
    """A few connections to one server, held open. An async context manager."""

    def __init__(self, port: int, *pids: int | None, connections: int = CONNECTIONS) -> None:
        """`pids` are of the processes whose processor time counts: the server's one, or all that a call passes."""
        self._port = port
        self._pids = pids
        self._count = connections
        self._connections: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def __aenter__(self) -> Self:
        self._connections = [await asyncio.open_connection("127.0.0.1", self._port) for _ in range(self._count)]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _reader, writer in self._connections:
            writer.close()

    async def once(self, data: bytes) -> tuple[int, bytes]:
        """The answer to one call."""
        return await exchange(*self._connections[0], data)

    async def make(self, calls: Sequence[bytes]) -> None:
        """All of them, each connection one after the other. Every one must succeed."""
        left = iter(calls)

        async def some(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for data in left:
                status, body = await exchange(reader, writer, data)
                assert status == 200, (status, body)

        await asyncio.gather(*(some(*connection) for connection in self._connections))

    async def latency(self, calls: Sequence[bytes]) -> float:
        """The median of the seconds that one of them takes, one after the other on one connection."""
        return statistics.median([await self._seconds(data) for data in calls])

    async def seconds(self, calls: Sequence[bytes]) -> float:
        """The seconds for one of them while all connections are busy: one divided by the rate."""
        started = time.perf_counter()
        await self.make(calls)
        return (time.perf_counter() - started) / len(calls)

    async def cost(self, calls: Sequence[bytes]) -> float:
        """The processor time for one of them, in seconds: that of the process which needs most, and limits the rate."""
        before = [processor_seconds(pid) for pid in self._pids]
        await self.make(calls)
        return max(processor_seconds(pid) - b for pid, b in zip(self._pids, before, strict=True)) / len(calls)

    async def _seconds(self, data: bytes) -> float:
        started = time.perf_counter()
        status, body = await self.once(data)
        taken = time.perf_counter() - started
        assert status == 200, (status, body)
        return taken
