"""The documents that clients read first, against a static answer of the same size by the same HTTP server.

Both services run with their default settings. The rate limits are on, so each connection has an address of its own. The
static answer has nothing around it. What counts is the processor time of the process that answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.benchmarks.callers import CONNECTIONS, Callers
from tests.benchmarks.child_process import child_process
from tests.benchmarks.cores import calling_from, pin, two_cores
from tests.benchmarks.harness import in_turns
from tests.e2e.pair import Pair

if TYPE_CHECKING:
    from devstack.service_process import ServiceProcess
    from tests.benchmarks.harness import Report

CLIENT_CORE, SERVER_CORE = two_cores()
ROUNDS, REQUESTS = 12, 1000
ADDRESSES = [f"127.1.0.{number}" for number in range(1, CONNECTIONS + 1)]


async def run(report: Report) -> None:
    """Three documents of the running pair, one after the other."""
    pair = Pair()
    try:
        await pair.start()
        for name, service, path, aim in (
            ("key set", pair.auth[0], "/.well-known/jwks.json", 0.9),
            ("authorization server metadata", pair.auth[0], "/.well-known/oauth-authorization-server", None),
            ("protected resource metadata", pair.mcp[0], "/.well-known/oauth-protected-resource/mcp", None),
        ):
            await _measure(report, name, service, path, aim)
    finally:
        await pair.close()


async def _measure(report: Report, name: str, service: ServiceProcess, path: str, aim: float | None) -> None:
    count = max(20, round(REQUESTS * report.seconds))
    wanted, yardstick = [_get(path)] * count, [_get("/static")] * count
    pin(service.pid, SERVER_CORE)
    async with Callers(service.port, service.pid, sources=iter(ADDRESSES)) as document:
        _status, body = await document.once(wanted[0])
        await document.make(wanted)
        async with child_process("static_server", str(len(body))) as server, Callers(server.port, server.pid) as static:
            pin(server.pid, SERVER_CORE)
            await static.make(yardstick)
            costs = await in_turns(
                calling_from(CLIENT_CORE, lambda: static.cost(yardstick)),
                calling_from(CLIENT_CORE, lambda: document.cost(wanted)),
                rounds=ROUNDS,
            )
    report.add(
        f"{name}: answers on one core by the whole service, against a static answer of the same size",
        costs.ratios,
        at_least=aim,
        detail=f"{1 / costs.yardstick:,.0f} against {1 / costs.subject:,.0f} per second of processor time "
        f"({costs.yardstick * 1e6:.0f} against {costs.subject * 1e6:.0f} µs)",
    )


def _get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
