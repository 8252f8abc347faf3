"""A server over HTTP behind the guard: what the guard costs its calls and streams, and FastMCP's proxy beside it.

The guard runs on one core, the server behind it on another. What counts is the processor time of the process that
limits the rate: it has its core for itself, but for the SDK server, which shares its core with the client in all turns.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from tests.benchmarks.behind_guard.event_streams import EventReaders
from tests.benchmarks.behind_guard.idle_streams import measure_idle_streams
from tests.benchmarks.callers import Callers
from tests.benchmarks.child_process import Child, child_process
from tests.benchmarks.cores import calling_from, pin, two_cores
from tests.benchmarks.guard_process import RESOURCE, guard_process, local_issuer
from tests.benchmarks.harness import in_turns
from tests.benchmarks.same_tool.fastmcp_process import fastmcp_process
from tests.benchmarks.same_tool.installation import python_with
from tests.benchmarks.tool_calls import tool_call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from tests.benchmarks.harness import Report
    from tests.support.local_issuer import LocalIssuer

SERVER_CORE, GUARD_CORE = two_cores()
ROUNDS, CALLS = 12, 1000
CONNECTIONS = 16
EVENTS = 500
SCOPE = "mcp:tools"
SDK_SERVER = ("same_tool.sdk_server", "h11", "json")
BARE_SERVER = ("behind_guard.bare_server",)


async def run(report: Report) -> None:
    """Each row has servers of its own, so that the failure of one costs no other."""
    async with local_issuer() as (issuer, token_issuer):
        token = token_issuer.issue(scope=SCOPE)
        for name, measure in ROWS.items():
            try:
                await measure(report, name, issuer, token)
            except Exception as exc:  # noqa: BLE001 - the other rows do not depend on it
                report.add_failed(name, exc)


async def _sdk_server(report: Report, name: str, issuer: LocalIssuer, token: str) -> None:
    calls = [_forecast(token)] * _count(report, CALLS // 4)
    async with (
        _behind_guard(SDK_SERVER, issuer) as (server, guard),
        Callers(server.port, server.pid, connections=CONNECTIONS) as direct,
        Callers(guard.port, server.pid, guard.pid, connections=CONNECTIONS) as through,
    ):
        await direct.make(calls)
        await through.make(calls)
        cost = await in_turns(
            calling_from(SERVER_CORE, lambda: direct.cost(calls)),
            calling_from(SERVER_CORE, lambda: through.cost(calls)),
            rounds=ROUNDS,
        )
    report.add(
        name,
        cost.ratios,
        at_least=0.95,
        detail=f"{cost.yardstick * 1e6:.0f} against {cost.subject * 1e6:.0f} µs in the busiest process",
    )


async def _bare_server(report: Report, name: str, issuer: LocalIssuer, token: str) -> None:
    calls = [_who(token)] * _count(report, CALLS)
    async with (
        _behind_guard(BARE_SERVER, issuer) as (server, guard),
        Callers(server.port, server.pid, connections=CONNECTIONS) as direct,
        Callers(guard.port, guard.pid, connections=CONNECTIONS) as through,
    ):
        await direct.make(calls)
        await through.make(calls)
        cost = await in_turns(
            calling_from(GUARD_CORE, lambda: direct.cost(calls)),
            calling_from(SERVER_CORE, lambda: through.cost(calls)),
            rounds=ROUNDS,
        )
    report.add(
        name,
        cost.ratios,
        at_least=0.35,
        detail=f"{cost.yardstick * 1e6:.0f} against {cost.subject * 1e6:.0f} µs of processor time",
    )


async def _latency(report: Report, name: str, issuer: LocalIssuer, token: str) -> None:
    calls = [_who(token)] * _count(report, CALLS // 2)
    async with (
        _behind_guard(BARE_SERVER, issuer) as (server, guard),
        Callers(server.port, None) as direct,
        Callers(guard.port, None) as through,
    ):
        await through.latency(calls)
        taken = await in_turns(
            calling_from(SERVER_CORE, lambda: through.latency(calls)),
            calling_from(SERVER_CORE, lambda: direct.latency(calls)),
            rounds=ROUNDS,
        )
    report.add(
        name,
        taken.differences * 1e3,
        unit="ms",
        at_most=0.5,
        detail=f"{taken.subject * 1e3:.2f} against {taken.yardstick * 1e3:.2f} ms",
    )


async def _events(report: Report, name: str, issuer: LocalIssuer, token: str) -> None:
    rounds = _count(report, 8)
    async with (
        _behind_guard(BARE_SERVER, issuer) as (server, guard),
        EventReaders(server.port, server.pid, token=token, events=EVENTS) as direct,
        EventReaders(guard.port, guard.pid, token=token, events=EVENTS) as through,
    ):
        await direct.read(rounds)
        await through.read(rounds)
        cost = await in_turns(
            calling_from(GUARD_CORE, lambda: direct.cost(rounds)),
            calling_from(SERVER_CORE, lambda: through.cost(rounds)),
            rounds=ROUNDS,
        )
    report.add(
        name,
        cost.ratios,
        at_least=0.6,
        detail=f"{cost.yardstick * 1e6:.1f} against {cost.subject * 1e6:.1f} µs of processor time",
    )


async def _fastmcp(report: Report, name: str, issuer: LocalIssuer, token: str) -> None:
    python = await python_with("fastmcp")
    calls, few = [_forecast(token)] * _count(report, CALLS // 4), [_forecast(token)] * _count(report, 20)
    async with AsyncExitStack() as stack:
        server, guard = await stack.enter_async_context(_behind_guard(SDK_SERVER, issuer))
        url = f"http://127.0.0.1:{server.port}/mcp"
        proxy = await stack.enter_async_context(
            fastmcp_process(python, "behind_guard.fastmcp_proxy", issuer.url, RESOURCE, url)
        )
        pin(proxy.pid, GUARD_CORE)
        ours = await stack.enter_async_context(Callers(guard.port, guard.pid))
        theirs = await stack.enter_async_context(Callers(proxy.port, proxy.pid))
        for callers in (ours, theirs):
            status, body = await callers.once(calls[0])
            assert status == 200, (status, body)
            assert b"Sunny in Oslo for 3 days" in body, body
        await ours.make(calls)
        await theirs.make(few)
        cost = await in_turns(
            calling_from(SERVER_CORE, lambda: theirs.cost(few)),
            calling_from(SERVER_CORE, lambda: ours.cost(calls)),
            rounds=ROUNDS,
        )
    report.add(
        name,
        cost.ratios,
        at_least=5,
        detail=f"{1 / cost.yardstick:,.0f} against {1 / cost.subject:,.0f} per second of processor time; "
        f"mcp {version('mcp')} in both",
    )


async def _idle(report: Report, name: str, issuer: LocalIssuer, token: str) -> None:
    own = {"MCP_UPSTREAM_MAX_REQUESTS": "4096"}
    async with _behind_guard(BARE_SERVER, issuer, own) as (_server, guard):
        await measure_idle_streams(report, name, guard, token=token, call=_who(token))


ROWS: Final[Mapping[str, Callable[[Report, str, LocalIssuer, str], Awaitable[None]]]] = {
    "calls of a Python SDK server behind a guard on a core of its own, against direct ones": _sdk_server,
    "calls passed on with one core, against those that a bare aiohttp server answers with one": _bare_server,
    "what the guard adds to the median latency of one connection": _latency,
    "events passed on with one core, against those that the bare server sends with one": _events,
    "calls of the SDK server through the guard on one core, against FastMCP's proxy with its JWT verifier": _fastmcp,
    "memory of the guard for an idle stream": _idle,
}


@asynccontextmanager
async def _behind_guard(
    module: Sequence[str], issuer: LocalIssuer, own: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[Child, Child]]:
    """A server on its core, and a guard in front of it on the other."""
    async with child_process(*module) as server:
        pin(server.pid, SERVER_CORE)
        settings = {"MCP_UPSTREAM": f"http://127.0.0.1:{server.port}/mcp", **(own or {})}
        async with guard_process(issuer, settings) as guard:
            assert guard.pid is not None
            pin(guard.pid, GUARD_CORE)
            yield server, Child(guard.port, guard.pid)


def _count(report: Report, count: int) -> int:
    return max(4, round(count * report.seconds))


def _who(token: str) -> bytes:
    return tool_call(token, "who", {})


def _forecast(token: str) -> bytes:
    return tool_call(token, "forecast", {"city": "Oslo", "days": 3})
