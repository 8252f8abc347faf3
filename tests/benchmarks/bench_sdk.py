"""Authenticated tool calls, against the bare mcp SDK on uvicorn without authentication, serving the same tool.

Each server is one process with uvloop and without sessions, on the same core, and answers the same requests in turns,
but that only ours get a token. Ours runs as shipped, with its log, without rate limits, which the load would meet; the
SDK's has httptools and no access log. What counts is the processor time of the server's process.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from tests.benchmarks.callers import Callers
from tests.benchmarks.child_process import child_process
from tests.benchmarks.cores import calling_from, pin, two_cores
from tests.benchmarks.guard_process import guard_process, local_issuer
from tests.benchmarks.harness import in_turns
from tests.benchmarks.same_tool.installation import NotInstallable, python_with
from tests.benchmarks.tool_calls import MODERN, OLDER, tool_call

if TYPE_CHECKING:
    from tests.benchmarks.harness import Report, Turns

OURS = "tests.benchmarks.same_tool.our_server"
CLIENT_CORE, SERVER_CORE = two_cores()
ROUNDS, CALLS = 12, 200
AGAINST = "authenticated tools/call on one core, against the bare SDK on uvicorn without authentication"
AIMS = {MODERN: 0.95, OLDER: 1.1}


async def run(report: Report) -> None:
    """Both versions of the protocol; each with what the servers answer by default, and with plain JSON always."""
    try:
        python = await python_with("sdk")
    except NotInstallable as exc:
        report.add_missing(AGAINST, why=str(exc))
        return
    async with AsyncExitStack() as stack:
        issuer, token_issuer = await stack.enter_async_context(local_issuer())
        token = token_issuer.issue(scope="weather:read")
        servers: dict[str, tuple[Callers, Callers]] = {}
        for mode in ("default", "json"):
            own = {
                "MCP_SERVER": f"{OURS}:server",
                "MCP_SCOPES": f"{OURS}:scopes",
                "MCP_LOG_LEVEL": "info",
                "MCP_JSON_RESPONSE": str(mode == "json"),
            }
            ours = await stack.enter_async_context(guard_process(issuer, own))
            bare = await stack.enter_async_context(
                child_process("same_tool.sdk_server", "httptools", mode, python=python)
            )
            for server in (ours, bare):
                pin(server.pid, SERVER_CORE)
            servers[mode] = (
                await stack.enter_async_context(Callers(ours.port, ours.pid)),
                await stack.enter_async_context(Callers(bare.port, bare.pid)),
            )
        for protocol, aim in AIMS.items():
            shipped, plain = [await _cost(report, *servers[mode], token, protocol) for mode in ("default", "json")]
            report.add(
                f"{AGAINST} ({protocol})",
                shipped.ratios,
                at_least=aim,
                detail=f"as shipped {_rates(shipped)}; with plain JSON always {plain.ratio:.2f}×, {_rates(plain)}",
            )


async def _cost(report: Report, ours: Callers, bare: Callers, token: str, protocol: str) -> Turns:
    """Cost of a call of the bare server, relative to ours."""
    call = tool_call(token, "forecast", {"city": "Oslo", "days": 3}, protocol=protocol)
    calls = [call] * max(20, round(CALLS * report.seconds))
    without_token = [call.replace(f"Authorization: Bearer {token}\r\n".encode(), b"")] * len(calls)
    for callers, sent in ((ours, calls), (bare, without_token)):
        status, body = await callers.once(sent[0])
        assert status == 200, (status, body)
        assert b"Sunny in Oslo for 3 days" in body, body
        await callers.make(sent)
    status, body = await ours.once(without_token[0])
    assert status == 401, (status, body)
    return await in_turns(
        calling_from(CLIENT_CORE, lambda: bare.cost(without_token)),
        calling_from(CLIENT_CORE, lambda: ours.cost(calls)),
        rounds=ROUNDS,
    )


def _rates(cost: Turns) -> str:
    return (
        f"{1 / cost.yardstick:,.0f} against {1 / cost.subject:,.0f} per second of processor time "
        f"({cost.yardstick * 1e6:.0f} against {cost.subject * 1e6:.0f} µs)"
    )
