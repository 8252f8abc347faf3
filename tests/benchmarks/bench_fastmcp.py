"""Authenticated tool calls, against FastMCP with its JWT verifier serving the same tool.

Each server is one process with uvloop, without sessions, answers in plain JSON and logs warnings only; both stand on
the same versions of the mcp SDK. Both fetch the keys of the same issuer and get the same RS256 tokens in the same
requests, in turns. What counts is the processor time of the server's process.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from devstack.loopback import free_port
from devstack.service_process import REPOSITORY, ServiceProcess, die_with_parent, with_repository
from tests.benchmarks.harness import in_turns
from tests.benchmarks.same_tool.installation import NotInstallable, python_with_fastmcp
from tests.benchmarks.tool_calls import MODERN, OLDER, Callers, tool_call
from tests.support.local_issuer import LocalIssuer, Minter, new_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.benchmarks.harness import Report

RESOURCE = "http://localhost:9001/mcp"
OURS = "tests.benchmarks.same_tool.our_server"
LOOPBACK = ("127.0.0.1",)
ROUNDS, CALLS = 8, 200
AGAINST = "authenticated tool calls on one core, against FastMCP with its JWT verifier serving the same tool"
START_SECONDS = 30


async def run(report: Report) -> None:
    """The same calls to both, with a token that comes again and again, and with a new one for each call."""
    try:
        python = await python_with_fastmcp()
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
        report.add(f"{AGAINST} ({protocol}, a token that comes again)", cost.ratio, at_least=1, detail=_rates(cost))
    batches = [
        [_call(_fresh(token_issuer, f"{turn}-{number}"), MODERN) for number in range(count)] for turn in range(ROUNDS)
    ]
    for_us, for_them = iter(batches), iter(batches)
    cost = await in_turns(lambda: theirs.cost(next(for_them)), lambda: ours.cost(next(for_us)), rounds=ROUNDS)
    report.add(f"{AGAINST} ({MODERN}, each token seen for the first time)", cost.ratio, at_least=1, detail=_rates(cost))


def _fresh(token_issuer: Minter, token_id: str) -> str:
    return token_issuer.issue(scope="weather:read", jti=token_id)


def _call(token: str, protocol: str) -> bytes:
    return tool_call(token, "forecast", {"city": "Oslo", "days": 3}, protocol=protocol)


def _rates(cost) -> str:
    versions = f"mcp {version('mcp')} in both"
    return f"{1 / cost.yardstick:,.0f} against {1 / cost.subject:,.0f} per second of processor time; {versions}"


@asynccontextmanager
async def _ours(issuer: LocalIssuer) -> AsyncIterator[Callers]:
    with tempfile.TemporaryDirectory(prefix="sp-") as directory:
        settings = {
            "MCP_ISSUER": issuer.url,
            "MCP_RESOURCE": RESOURCE,
            "MCP_SERVER": f"{OURS}:server",
            "MCP_SCOPES": f"{OURS}:scopes",
            "MCP_JSON_RESPONSE": "true",
            "MCP_RATE_LIMITS": "off",
            "MCP_LOG_LEVEL": "warning",
            "MCP_PORT": str(free_port(LOOPBACK)),
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MCP_")}
        service = ServiceProcess(
            "mcp_service",
            ["-m", "mcp_service", "serve"],
            {**inherited, **settings},
            host=LOOPBACK[0],
            port=int(settings["MCP_PORT"]),
            log=Path(directory) / "log",
        )
        await service.start()
        try:
            yield Callers(service.port, service.pid)
        finally:
            await service.stop()


@asynccontextmanager
async def _fastmcp(python: Path, issuer: LocalIssuer) -> AsyncIterator[Callers]:
    port = free_port(LOOPBACK)
    process = await asyncio.create_subprocess_exec(
        *(python, "-m", "tests.benchmarks.same_tool.fastmcp_server", issuer.url, RESOURCE, str(port)),
        cwd=REPOSITORY,
        env=with_repository(os.environ),
        preexec_fn=die_with_parent,
    )
    try:
        async with asyncio.timeout(START_SECONDS):
            while not await _listens(port):
                assert process.returncode is None, "FastMCP ended before it was ready"
                await asyncio.sleep(0.1)
        yield Callers(port, process.pid)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _listens(port: int) -> bool:
    try:
        _reader, writer = await asyncio.open_connection(LOOPBACK[0], port)
    except OSError:
        return False
    writer.close()
    return True
