"""The official conformance suite's server scenarios against mcp_service, a token in front of every request.

Each run asks for the scenarios that one revision of the specification requires, frozen at its release.
"""

from __future__ import annotations

import pytest

from tests.conformance.guard import guarded
from tests.conformance.scenarios import NEWER, OLDER, SCENARIOS, run_scenarios, statuses

SERVER_TO_CLIENT = "a call back to the client needs a session, which MCP_STATEFUL keeps"
NO_RECONNECTION_TOOL = (
    "no tool test_reconnection: streams cannot be resumed, as events are not stored (SHOULD, SEP-1699)"
)

EXCEPTIONS: dict[tuple[str, str], dict[str, str]] = {
    (OLDER, "stateless"): {
        "tools-call-sampling/tools-call-sampling": SERVER_TO_CLIENT,
        "tools-call-elicitation/tools-call-elicitation": SERVER_TO_CLIENT,
        "elicitation-sep1034-defaults/elicitation-sep1034-general": SERVER_TO_CLIENT,
        "elicitation-sep1330-enums/elicitation-sep1330-general": SERVER_TO_CLIENT,
    },
    (OLDER, "stateful"): {"server-sse-polling/incoming-sse-event": NO_RECONNECTION_TOOL},
    (NEWER, "stateless"): {},
}
"""The checks that do not pass, as scenario/check, and why; docs/mcp-service.md says the same."""

NOT_SCORED = ("tasks-", "json-schema-2020-12", "http-header-validation", "http-custom-header-server-validation")
"""Scenarios of the suite besides the frozen set of 2026-07-28: extensions and pending scenarios."""

pytestmark = [
    pytest.mark.npm,
    pytest.mark.timeout(600),
    # The scenarios ask for logging and sampling, of which the SDK warns since 2026-07-28.
    pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning"),
]


@pytest.mark.parametrize(("revision", "mode"), EXCEPTIONS)
async def test_all_scenarios_pass_but_those_with_a_reason(packages, tmp_path, revision, mode):
    chosen = {
        "server": "tests.conformance.server:server",
        "scopes": "tests.conformance.server:scopes",
        "stateful": mode == "stateful",
    }
    async with guarded("conformance", **chosen) as url:
        await run_scenarios(packages, url, revision, tmp_path)
    found = statuses(tmp_path)
    if revision == NEWER:
        found = {name: checks for name, checks in found.items() if not name.startswith(NOT_SCORED)}
    failed = {f"{name}/{check}" for name, checks in found.items() for check, status in checks if status == "FAILURE"}
    assert len(found) == SCENARIOS[revision]
    assert failed == EXCEPTIONS[revision, mode].keys()
