"""Tokens issued by refresh, against oidc-provider: RS256 JWTs for one resource, refresh tokens that rotate.

oidc-provider keeps everything in memory and logs nothing, which favours it; auth_service has its default settings, its
store and its log, but no rate limits, which the load would meet. What counts is the processor time of the process that
issues, all its threads together: node signs in threads of its own. npm installs it under build/.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import shutil
import subprocess
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from devstack.service_process import die_with_parent
from tests.benchmarks.bench_tokens import GRANTS, refreshed
from tests.benchmarks.harness import in_turns
from tests.benchmarks.refreshing import Refreshing
from tests.support.free_ports import free_port
from tests.support.node_packages import install_node_packages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.benchmarks.harness import Report

AGAINST: Final = "tokens issued by refresh per second of processor time, against oidc-provider with its store in memory"
SCRIPTS: Final = Path(__file__).with_name("other_issuer")
RESOURCE: Final = "http://localhost:9/mcp"
ROUNDS, REFRESHES = 12, 300
WARM: Final = 2000
"""Refreshes before the first turn: node compiles what is called often."""


async def run(report: Report) -> None:
    """The same number of refreshes by each, in turns."""
    if shutil.which("npm") is None:
        report.add_missing(AGAINST, why="npm is not installed (make test-tools)")
        return
    try:
        directory = await asyncio.to_thread(install_node_packages, SCRIPTS, "benchmark-oidc-provider")
    except subprocess.SubprocessError as exc:
        report.add_missing(AGAINST, why=f"npm could not install it: {exc}"[:200])
        return
    count = max(GRANTS, round(REFRESHES * report.seconds))
    async with refreshed({}) as (_pair, ours), _oidc_provider(directory) as theirs:
        await ours.refresh(count)
        await theirs.refresh(WARM)
        cost = await in_turns(lambda: theirs.cost(count), lambda: ours.cost(count), rounds=ROUNDS)
    version = json.loads((SCRIPTS / "package.json").read_text(encoding="utf-8"))["dependencies"]["oidc-provider"]
    report.add(
        AGAINST,
        cost.ratios,
        detail=f"{1 / cost.yardstick:,.0f} against {1 / cost.subject:,.0f}; oidc-provider {version} "
        f"on {await _node_version()}, Python {platform.python_version()}",
    )


@asynccontextmanager
async def _oidc_provider(directory: Path) -> AsyncIterator[Refreshing]:
    port = free_port(("127.0.0.1",))
    process = await asyncio.create_subprocess_exec(
        *("node", "oidc_provider.mjs", str(port), RESOURCE, str(GRANTS)),
        cwd=directory,
        env={**os.environ, "NODE_ENV": "production"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        preexec_fn=die_with_parent,
    )
    assert process.stdout is not None
    try:
        tokens = await _tokens(process.stdout)
        async with Refreshing(port, process.pid, path="/token", client_id="bench", tokens=tokens) as clients:
            yield clients
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _tokens(output: asyncio.StreamReader) -> list[str]:
    """The line with them comes after notices of oidc-provider."""
    async for line in output:
        if line.startswith(b"["):
            tokens: list[str] = json.loads(line)
            return tokens
    raise RuntimeError("oidc-provider ended before it was ready")


async def _node_version() -> str:
    process = await asyncio.create_subprocess_exec("node", "--version", stdout=asyncio.subprocess.PIPE)
    return f"node {(await process.communicate())[0].decode().strip()}"
