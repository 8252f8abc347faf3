"""Authenticated tool calls, against FastMCP with its JWT verifier serving the same tool.

Each server is one process without sessions, answers in plain JSON and logs warnings only; both stand on the same
versions of the mcp SDK. FastMCP is measured as it runs by itself, and with uvloop. Both fetch the keys of the same
issuer and get the same RS256 tokens in the same requests, in turns. What counts is the processor time of the server.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from tests.benchmarks.callers import Callers
from tests.benchmarks.cores import calling_from, pin, two_cores
from tests.benchmarks.guard_process import RESOURCE, guard_process, local_issuer
from tests.benchmarks.harness import in_turns
from tests.benchmarks.same_tool.fastmcp_process import fastmcp_process
from tests.benchmarks.same_tool.installation import NotInstallable, python_with
from tests.benchmarks.tool_calls import MODERN, OLDER, tool_call
from tests.support.local_issuer import new_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.harness import Report, Turns
    from tests.support.local_issuer import LocalTokenIssuer

OURS = "tests.benchmarks.same_tool.our_server"
CLIENT_CORE, SERVER_CORE = two_cores()
ROUNDS, CALLS = 12, 200
AGAINST = "authenticated tools/call on one core, against FastMCP with its JWT verifier serving the same tool"
AIMS = {MODERN: 3.8, OLDER: 2.2}


async def run(report: Report) -> None:
    """The same calls to both, with a token that comes again and again, and with a new one for each call."""
    try:
        python = await python_with("fastmcp")
    except NotInstallable as exc:
        report.add_missing(AGAINST, why=str(exc))
        return
    own = {"MCP_SERVER": f"{OURS}:server", "MCP_SCOPES": f"{OURS}:scopes", "MCP_JSON_RESPONSE": "true"}
    async with (
        local_issuer() as (issuer, token_issuer),
        guard_process(issuer, own) as service,
        fastmcp_process(python, "same_tool.fastmcp_server", "asyncio", issuer.url, RESOURCE) as server,
        fastmcp_process(python, "same_tool.fastmcp_server", "uvloop", issuer.url, RESOURCE) as faster_server,
        Callers(service.port, service.pid) as ours,
        Callers(server.port, server.pid) as theirs,
        Callers(faster_server.port, faster_server.pid) as theirs_with_uvloop,
    ):
        for pid in (service.pid, server.pid, faster_server.pid):
            pin(pid, SERVER_CORE)
        await _all_guard([ours, theirs, theirs_with_uvloop], token_issuer)
        await _compare(report, ours, theirs, token_issuer)
        await _compare_with_uvloop(report, ours, theirs_with_uvloop, token_issuer)


async def _all_guard(servers: Sequence[Callers], token_issuer: LocalTokenIssuer) -> None:
    for protocol in (MODERN, OLDER):
        for token, expected in (
            (token_issuer.issue(scope="weather:read"), 200),
            (token_issuer.issue(key=new_key()), 401),
        ):
            for server in servers:
                status, body = await server.once(_call(token, protocol))
                assert status == expected, (status, body)
                assert expected != 200 or b"Sunny in Oslo for 3 days" in body, body


async def _compare(report: Report, ours: Callers, theirs: Callers, token_issuer: LocalTokenIssuer) -> None:
    count = _count(report)
    for protocol, aim in AIMS.items():
        repeated = [_call(token_issuer.issue(scope="weather:read"), protocol)] * count
        cost = await _cost(theirs, ours, [repeated] * (ROUNDS + 1))
        report.add(f"{AGAINST} ({protocol})", cost.ratios, at_least=aim, detail=_rates(cost))
    fresh = [
        [_call(_fresh(token_issuer, f"{turn}-{number}"), MODERN) for number in range(count)]
        for turn in range(ROUNDS + 1)
    ]
    cost = await _cost(theirs, ours, fresh)
    report.add(f"{AGAINST} ({MODERN}, each token seen for the first time)", cost.ratios, detail=_rates(cost))


async def _compare_with_uvloop(report: Report, ours: Callers, theirs: Callers, token_issuer: LocalTokenIssuer) -> None:
    for protocol in AIMS:
        repeated = [_call(token_issuer.issue(scope="weather:read"), protocol)] * _count(report)
        cost = await _cost(theirs, ours, [repeated] * (ROUNDS + 1))
        report.add(f"{AGAINST} ({protocol}, FastMCP with uvloop)", cost.ratios, detail=_rates(cost))


def _count(report: Report) -> int:
    return max(20, round(CALLS * report.seconds))


async def _cost(theirs: Callers, ours: Callers, batches: Sequence[Sequence[bytes]]) -> Turns:
    """A batch is made in each turn; the first is not measured."""
    await ours.make(batches[0])
    await theirs.make(batches[0])
    for_us, for_them = iter(batches[1:]), iter(batches[1:])
    return await in_turns(
        calling_from(CLIENT_CORE, lambda: theirs.cost(next(for_them))),
        calling_from(CLIENT_CORE, lambda: ours.cost(next(for_us))),
        rounds=len(batches) - 1,
    )


def _fresh(token_issuer: LocalTokenIssuer, token_id: str) -> str:
    return token_issuer.issue(scope="weather:read", jti=token_id)


def _call(token: str, protocol: str) -> bytes:
    return tool_call(token, "forecast", {"city": "Oslo", "days": 3}, protocol=protocol)


def _rates(cost: Turns) -> str:
    versions = f"mcp {version('mcp')} in both"
    return f"{1 / cost.yardstick:,.0f} against {1 / cost.subject:,.0f} per second of processor time; {versions}"
