"""The server scenarios against other servers over HTTP: through the guard each check comes out as it does directly."""

from __future__ import annotations

import sys

import pytest

from devstack.service_process import REPOSITORY
from tests.conformance.guard import guarded
from tests.conformance.scenarios import NEWER, OLDER, SCENARIOS, run_scenarios, statuses
from tests.e2e.any_server.foreign_server import EVERYTHING_HTTP, TYPESCRIPT_V2
from tests.e2e.foreign_process import serving
from tests.support.free_ports import free_port

pytestmark = [pytest.mark.npm, pytest.mark.timeout(600)]


def python_sdk(port: str) -> list[str]:
    """The scenarios' server under the HTTP server that the SDK brings along."""
    program = f"from tests.conformance.server import server; server.run('streamable-http', port={port})"
    return [sys.executable, "-c", program]


ROWS = [
    pytest.param(python_sdk, OLDER, {}, id="Python SDK-2025-11-25"),
    pytest.param(python_sdk, NEWER, {}, id="Python SDK-2026-07-28"),
    # It accepts any Host, the guard does not.
    pytest.param(
        EVERYTHING_HTTP.command,
        OLDER,
        {"dns-rebinding-protection": "localhost-host-rebinding-rejected"},
        id="server-everything-2025-11-25",
    ),
    pytest.param(TYPESCRIPT_V2.command, NEWER, {}, id="TypeScript SDK v2-2026-07-28"),
]
"""A command, a revision, and the check of a scenario that fails directly and passes through the guard."""


@pytest.mark.parametrize(("command", "revision", "improved"), ROWS)
async def test_each_check_comes_out_as_it_does_without_the_guard(packages, tmp_path, command, revision, improved):
    port = free_port(("127.0.0.1",))
    async with serving(port, *command(str(port)), cwd=REPOSITORY):
        await run_scenarios(packages, f"http://localhost:{port}/mcp", revision, tmp_path / "directly")
        async with guarded("mcp:tools", upstream=f"http://127.0.0.1:{port}/mcp") as url:
            await run_scenarios(packages, url, revision, tmp_path / "guarded")
    directly, through_the_guard = statuses(tmp_path / "directly"), statuses(tmp_path / "guarded")
    for scenario, check in improved.items():
        assert (check, "FAILURE") in directly[scenario]
        directly[scenario] = [(name, "SUCCESS" if name == check else status) for name, status in directly[scenario]]
    assert len(directly) >= SCENARIOS[revision]
    assert through_the_guard == directly
