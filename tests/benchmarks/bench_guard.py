"""What the guard costs a tool call, and what a flood of forged key ids costs the honest.

The server runs in a process of its own; requests are written to the socket ready-made, so that the client costs little.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.local_issuer import LocalIssuer, Minter, new_key

if TYPE_CHECKING:
    from tests.benchmarks.harness import Report

RESOURCE = "http://localhost:9001/mcp"
SERVER = "tests.endpoints.mcp_service.slow_server"
CONNECTIONS = 4
ROUNDS = 5


def request(token: str) -> bytes:
    """One tool call of 2026-07-28, as bytes."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    body = json.dumps(
        {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "who", "arguments": {}, "_meta": meta}}
    )
    return (
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\n"
        f"Mcp-Method: tools/call\r\nMcp-Name: who\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def call(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> int:
    """Send, read the whole answer; its status."""
    writer.write(data)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)
    return int(head[9:12])


class ToolServer:
    """A server in another process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.port = 0

    async def line(self) -> str:
        assert self._process.stdout is not None
        return (await self._process.stdout.readline()).decode()

    async def processor_seconds(self) -> float:
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        return float(await self.line())


@asynccontextmanager
async def tool_server(mode: str, issuer: LocalIssuer) -> AsyncIterator[ToolServer]:
    """Start it, and end it afterwards."""
    settings = {
        "issuer": issuer.url,
        "resource": RESOURCE,
        "server": f"{SERVER}:server",
        "scopes": f"{SERVER}:scopes",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.benchmarks.tool_server",
        json.dumps(settings),
        mode,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    server = ToolServer(process)
    try:
        server.port = int(await server.line())
        yield server
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


async def load(port: int, make: Callable[[], bytes], seconds: float, expect: int) -> list[float]:
    """Call over several connections for a while; the seconds that each call took."""
    taken: list[float] = []
    end = time.perf_counter() + seconds

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < end:
            data = make()
            started = time.perf_counter()
            status = await call(reader, writer, data)
            taken.append(time.perf_counter() - started)
            assert status == expect, status
        writer.close()

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    return taken


async def run(report: Report) -> None:
    """The guard against no guard; a flood against honest company."""
    key = new_key()
    issuer = LocalIssuer()
    await issuer.publish(key)
    await issuer.start()
    minter = Minter(issuer=issuer.url, resource=RESOURCE, key=key)
    good = request(minter.mint(scope="slow:use"))
    seconds = max(0.3, report.seconds / ROUNDS)
    async with tool_server("guarded", issuer) as guarded, tool_server("open", issuer) as unguarded:
        costs: dict[str, list[float]] = {"guarded": [], "open": []}
        for _ in range(ROUNDS):
            for mode, server in (("guarded", guarded), ("open", unguarded)):
                before = await server.processor_seconds()
                calls = len(await load(server.port, lambda: good, seconds, 200))
                costs[mode].append((await server.processor_seconds() - before) / calls)
        with_guard, without = statistics.median(costs["guarded"]), statistics.median(costs["open"])
        report.add(
            "the rate of an authenticated tool call, against the same call with the guard taken off",
            without / with_guard,
            at_least=0.95,
            detail=f"{with_guard * 1e6:.0f} µs against {without * 1e6:.0f} µs of the server's processor",
        )
        rest = minter.mint(scope="slow:use").partition(".")[2]

        def forged() -> bytes:
            forged_header = minter.mint(header={"kid": secrets.token_hex(8)}, key=cheap).partition(".")[0]
            return request(f"{forged_header}.{rest}")

        cheap = new_key("cheap", "ES256")
        flood = [forged() for _ in range(10_000)]
        company: dict[str, list[float]] = {"honest": [], "forged": []}
        asked = len(issuer.requests)
        for _ in range(ROUNDS):
            for kind, make, status in (("honest", lambda: good, 200), ("forged", flood.pop, 401)):
                others = asyncio.create_task(load(guarded.port, make, seconds, status))
                company[kind] += await load(guarded.port, lambda: good, seconds, 200)
                await others
        calm, flooded = statistics.median(company["honest"]), statistics.median(company["forged"])
        report.add(
            "an honest call in a flood of forged key ids, against one among as many honest callers",
            flooded / calm,
            at_most=1.2,
            detail=f"{flooded * 1e3:.1f} ms against {calm * 1e3:.1f} ms; "
            f"{len(issuer.requests) - asked} requests to the issuer for {10_000 - len(flood)} forged tokens",
        )
    await issuer.stop()
