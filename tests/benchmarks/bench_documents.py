"""The documents that clients read first, against a static answer of the same size by the same HTTP server.

Both services run as they do in production, with their checks, metrics and log lines; the static answer has nothing
around it. What counts is the processor time of the process that answers.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.benchmarks.child_process import child_process
from tests.benchmarks.harness import UNLIMITED, in_turns, processor_seconds
from tests.e2e.pair import Pair

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from devstack.service_process import ServiceProcess
    from tests.benchmarks.harness import Report

ROUNDS, REQUESTS = 8, 600
PIPELINED = 50


class Reader:
    """Asks one address of one process over and over on one connection."""

    def __init__(self, pid: int | None, request: bytes, stream: tuple[asyncio.StreamReader, asyncio.StreamWriter]):
        self._pid = pid
        self._batch = request * PIPELINED
        self._reader, self._writer = stream
        self.size = 0

    async def batch(self) -> None:
        """Ask PIPELINED times at once."""
        self._writer.write(self._batch)
        for _ in range(PIPELINED):
            head = await self._reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            self.size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await self._reader.readexactly(self.size)

    async def cost(self, batches: int) -> float:
        """The process's time for one answer, in seconds."""
        before = processor_seconds(self._pid)
        for _ in range(batches):
            await self.batch()
        return (processor_seconds(self._pid) - before) / (batches * PIPELINED)


async def run(report: Report) -> None:
    """Three documents of the running pair, one after the other."""
    pair = Pair(own=UNLIMITED)
    try:
        await pair.start()
        for name, service, path in (
            ("key set", pair.auth[0], "/.well-known/jwks.json"),
            ("authorization server metadata", pair.auth[0], "/.well-known/oauth-authorization-server"),
            ("protected resource metadata", pair.mcp[0], "/.well-known/oauth-protected-resource/mcp"),
        ):
            await _measure(report, name, service, path)
    finally:
        await pair.close()


async def _measure(report: Report, name: str, service: ServiceProcess, path: str) -> None:
    batches = max(2, round(REQUESTS * report.seconds / PIPELINED))
    async with _asking(service.port, service.pid, path) as document:
        await document.batch()
        async with _static(document.size) as static:
            await static.batch()
            cost = await in_turns(lambda: static.cost(batches), lambda: document.cost(batches), rounds=ROUNDS)
    report.add(
        f"{name}: answers on one core by the whole service, against a static answer of the same size",
        cost.ratio,
        detail=f"{1 / cost.yardstick:,.0f} against {1 / cost.subject:,.0f} per second of processor time",
    )


@asynccontextmanager
async def _asking(port: int, pid: int | None, path: str) -> AsyncIterator[Reader]:
    stream = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Reader(pid, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(), stream)
    finally:
        stream[1].close()


@asynccontextmanager
async def _static(size: int) -> AsyncIterator[Reader]:
    async with (
        child_process("static_server", str(size)) as server,
        _asking(server.port, server.pid, "/static") as reader,
    ):
        yield reader
