"""The server scenarios against other servers over HTTP: through the guard each check comes out as it does directly."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from devstack.loopback import free_port
from devstack.service_process import REPOSITORY
from mcp_service.app import build_app
from mcp_service.settings import McpSettings
from tests.conformance.scenarios import NEWER, OLDER, SCENARIOS, run_scenarios, statuses
from tests.conformance.token_proxy import TokenProxy
from tests.e2e.any_server.foreign_server import EVERYTHING_HTTP, TYPESCRIPT_V2
from tests.e2e.foreign_process import serving
from tests.mcp_service.conftest import RESOURCE, Service
from tests.support.local_issuer import LocalIssuer, Minter, new_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

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


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    """The service whose upstream a test names."""
    key = new_key()
    issuer = LocalIssuer()
    await issuer.publish(key)
    await issuer.start()
    port = free_port(("127.0.0.1",))
    chosen: dict[str, Any] = {
        "issuer": issuer.url,
        "resource": RESOURCE,
        "port": 0,
        "upstream": f"http://127.0.0.1:{port}/mcp",
    }
    minter = Minter(issuer=issuer.url, resource=RESOURCE, key=key)
    with capture_logs() as entries:
        running = Service(build_app(McpSettings(**chosen)), issuer, minter, entries)
        await running.start()
        running.upstream_port = port
        yield running
        await running.stop()
        await issuer.stop()


@pytest.mark.parametrize(("command", "revision", "improved"), ROWS)
async def test_each_check_comes_out_as_it_does_without_the_guard(
    service, packages, tmp_path, command, revision, improved
):
    port = service.upstream_port
    async with serving(port, *command(str(port)), cwd=REPOSITORY):
        await run_scenarios(packages, f"http://localhost:{port}/mcp", revision, tmp_path / "directly")
        async with TokenProxy(service.url, lambda: service.token_issuer.issue(scope="mcp:tools")) as proxy:
            await run_scenarios(packages, proxy.url, revision, tmp_path / "guarded")
    directly, guarded = statuses(tmp_path / "directly"), statuses(tmp_path / "guarded")
    for scenario, check in improved.items():
        assert (check, "FAILURE") in directly[scenario]
        directly[scenario] = [(name, "SUCCESS" if name == check else status) for name, status in directly[scenario]]
    assert len(directly) >= SCENARIOS[revision]
    assert guarded == directly
    assert not [entry for entry in service.logs if entry.get("event") == "unexpected"]
