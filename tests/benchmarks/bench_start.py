"""From the start of each service to its first answered call, and the memory it holds at work.

The first call of auth_service is a refresh, that of mcp_service a tool call: keys are loaded, the store is connected.
Files are in the system's cache, as at any start but the first after a boot. Beside it, in turns, a Python that only
imports the libraries of the service: what of a start, and of the memory, is theirs.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import aiohttp

from tests.benchmarks.callers import Callers
from tests.benchmarks.harness import UNLIMITED, processor_seconds, resident_megabytes
from tests.benchmarks.tool_calls import tool_call
from tests.e2e.pair import Pair
from tests.support.plain_client import PlainClient
from tests.support.user_agent import user_agent

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from devstack.service_process import ServiceProcess
    from tests.benchmarks.harness import Report

ROUNDS = 5
CALLS = 500
ANSWER_SECONDS = 30
BOTH: Final = (
    *("typer", "structlog", "prometheus_client", "opentelemetry.trace", "pydantic_settings"),
    *("aiohttp.web", "uvloop", "joserfc.jwk", "joserfc.jws", "redis.asyncio.cluster", "redis.asyncio.sentinel"),
)
LIBRARIES: Final = {
    "auth_service": (*BOTH, "argon2", "jinja2", "rich.table", "joserfc.jwe"),
    "mcp_service": (*BOTH, "mcp.server"),
}
IMPORTS = "import resource, time, {}; print([time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss])"


@dataclass(frozen=True)
class Start:
    """One start: seconds by the clock, seconds of the processor, megabytes held after the first call."""

    clock: float
    processor: float
    memory: float


async def run(report: Report) -> None:
    """The two services of one pair, in turns."""
    pair = Pair(own={**UNLIMITED, "AUTH_LOG_LEVEL": "warning", "MCP_LOG_LEVEL": "warning"})
    try:
        await pair.start()
        async with PlainClient(pair) as client, user_agent(pair.username, pair.password) as user:
            calls = _Calls(client, await client.tokens(user))
            services = (("auth_service", pair.auth[0], calls.refresh), ("mcp_service", pair.mcp[0], calls.tool))
            starts: dict[str, list[Start]] = {name: [] for name, *_ in services}
            libraries: dict[str, list[Start]] = {name: [] for name, *_ in services}
            for _ in range(ROUNDS):
                for name, service, call in services:
                    starts[name].append(await _start(service, call))
                    libraries[name].append(await _import_only(LIBRARIES[name]))
            for name, *_ in services:
                _report_start(report, name, starts[name], libraries[name])
            for name, service, call in services:
                for _ in range(CALLS):
                    await call(service)
                alone = statistics.median(start.memory for start in libraries[name])
                held = resident_megabytes(service.pid)
                report.add(
                    f"memory of a process of {name} at work",
                    held,
                    unit="MB",
                    detail=f"{held / alone:.2f} times that of a Python with its libraries, {alone:.0f} MB",
                )
    finally:
        await pair.close()


class _Calls:
    """One call to each service. Raises OSError while a port is closed, AssertionError for an error response."""

    def __init__(self, client: PlainClient, tokens: dict[str, str]) -> None:
        self._client = client
        self._refresh_token = tokens["refresh_token"]
        self._call = tool_call(tokens["access_token"], "whoami", {})

    async def refresh(self, service: ServiceProcess) -> None:
        url = f"http://127.0.0.1:{service.port}/token"
        form = {
            "grant_type": "refresh_token",
            "refresh_token": self._refresh_token,
            "client_id": self._client.client_id,
        }
        async with self._client.http.post(url, data=form) as response:
            answer = await response.json()
            assert response.status == 200, answer
        self._refresh_token = answer["refresh_token"]

    async def tool(self, service: ServiceProcess) -> None:
        async with Callers(service.port, service.pid, connections=1) as caller:
            await caller.make([self._call])


async def _start(service: ServiceProcess, call: Callable[[ServiceProcess], Awaitable[None]]) -> Start:
    await service.stop()
    began = time.perf_counter()
    service.spawn()
    async with asyncio.timeout(ANSWER_SECONDS):
        while True:
            try:
                await call(service)
                break
            except (OSError, aiohttp.ClientConnectionError):
                await asyncio.sleep(0.005)
    clock = time.perf_counter() - began
    return Start(clock, processor_seconds(service.pid), resident_megabytes(service.pid))


async def _import_only(modules: tuple[str, ...]) -> Start:
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", IMPORTS.format(", ".join(modules))), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    processor, kilobytes = json.loads(said)
    return Start(time.perf_counter() - began, processor, kilobytes * 1024 / 1e6)


def _report_start(report: Report, name: str, starts: list[Start], libraries: list[Start]) -> None:
    clock = sorted(start.clock for start in starts)
    processor = statistics.median(start.processor for start in starts)
    share = statistics.median(s.processor / alone.processor for s, alone in zip(starts, libraries, strict=True))
    report.add(
        f"from the start of {name} to its first answered call, the best of {ROUNDS}",
        clock[0],
        unit="s",
        at_most=2,
        detail=f"median {statistics.median(clock):.2f} s, {processor:.2f} s of processor time: "
        f"{share:.2f} times what importing its libraries takes",
    )
