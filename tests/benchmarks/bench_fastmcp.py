"""Authenticated tool calls, against FastMCP with its JWT verifier serving the same tool.

Each server is one process with uvloop, without sessions, answers in plain JSON and logs warnings only; both stand on
the same versions of the mcp SDK. Both fetch the keys of the same issuer and get the same RS256 tokens in the same
requests, in turns. What counts is the processor time of the server's process.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

from tests.benchmarks.callers import Callers
from tests.benchmarks.guard_process import RESOURCE, guard_process
from tests.benchmarks.harness import in_turns
from tests.benchmarks.same_tool.fastmcp_process import fastmcp_process
from tests.benchmarks.same_tool.installation import NotInstallable, python_with
from tests.benchmarks.tool_calls import MODERN, OLDER, tool_call
from tests.support.local_issuer import LocalIssuer, Minter, new_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.benchmarks.harness import Report

OURS = "tests.benchmarks.same_tool.our_server"
ROUNDS, CALLS = 8, 200
AGAINST = "authenticated tool calls on one core, against FastMCP with its JWT verifier serving the same tool"


async def run(report: Report) -> None:
    """The same calls to both, with a token that comes again and again, and with a new one for each call."""
    try:
        python = await python_with("fastmcp")
    except NotInstallable as exc:
        report.add_missing(AGAINST, why=str(exc))
        return
    key = new_key()
    issuer = LocalIssuer()
    issuer.holds_back = True
    await issuer.publish(key)
    await issuer.start()
    token_issuer = Minter(issuer=issuer.url, resource=RESOURCE, key=key)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(issuer.stop)
        ours = await stack.enter_async_context(await stack.enter_async_context(_ours(issuer)))
        theirs = await stack.enter_async_context(await stack.enter_async_context(_fastmcp(python, issuer)))
        await _both_guard(ours, theirs, token_issuer)
        await _compare(report, ours, theirs, token_issuer)


async def _both_guard(ours: Callers, theirs: Callers, token_issuer: Minter) -> None:
    for protocol in (MODERN, OLDER):
        for token, expected in (
            (token_issuer.issue(scope="weather:read"), 200),
            (token_issuer.issue(key=new_key()), 401),
        ):
            for server in (ours, theirs):
                status, body = await server.once(_call(token, protocol))
                assert status == expected, (status, body)
                assert expected != 200 or b"Sunny in Oslo for 3 days" in body, body


async def _compare(report: Report, ours: Callers, theirs: Callers, token_issuer: Minter) -> None:
    count = max(20, round(CALLS * report.seconds))
    for protocol in (MODERN, OLDER):
        repeated = [_call(token_issuer.issue(scope="weather:read"), protocol)] * count
        await ours.make(repeated)
        await theirs.make(repeated)
        cost = await in_turns(lambda: theirs.cost(repeated), lambda: ours.cost(repeated), rounds=ROUNDS)  # noqa: B023 - called within this round
        report.add(f"{AGAINST} ({protocol}, a token that comes again)", cost.ratios, at_least=1, detail=_rates(cost))
    batches = [
        [_call(_fresh(token_issuer, f"{turn}-{number}"), MODERN) for number in range(count)] for turn in range(ROUNDS)
    ]
    for_us, for_them = iter(batches), iter(batches)
    cost = await in_turns(lambda: theirs.cost(next(for_them)), lambda: ours.cost(next(for_us)), rounds=ROUNDS)
    report.add(
        f"{AGAINST} ({MODERN}, each token seen for the first time)", cost.ratios, at_least=1, detail=_rates(cost)
    )


def _fresh(token_issuer: Minter, token_id: str) -> str:
    return token_issuer.issue(scope="weather:read", jti=token_id)


def _call(token: str, protocol: str) -> bytes:
    return tool_call(token, "forecast", {"city": "Oslo", "days": 3}, protocol=protocol)


def _rates(cost) -> str:
    versions = f"mcp {version('mcp')} in both"
    return f"{1 / cost.yardstick:,.0f} against {1 / cost.subject:,.0f} per second of processor time; {versions}"


@asynccontextmanager
async def _ours(issuer: LocalIssuer) -> AsyncIterator[Callers]:
    own = {"MCP_SERVER": f"{OURS}:server", "MCP_SCOPES": f"{OURS}:scopes", "MCP_JSON_RESPONSE": "true"}
    async with guard_process(issuer, own) as service:
        yield Callers(service.port, service.pid)


@asynccontextmanager
async def _fastmcp(python: Path, issuer: LocalIssuer) -> AsyncIterator[Callers]:
    async with fastmcp_process(python, "same_tool.fastmcp_server", issuer.url, RESOURCE) as server:
        yield Callers(server.port, server.pid)
