"""The server scenarios against a command: all pass but those that need what one process for all clients cannot give."""

import shlex
import sys

import pytest

from devstack.service_process import REPOSITORY
from tests.conformance.guard import guarded
from tests.conformance.scenarios import NEWER, OLDER, SCENARIOS, run_scenarios, statuses
from tests.conformance.test_server_scenarios import NO_RECONNECTION_TOOL, NOT_SCORED

pytestmark = [pytest.mark.npm, pytest.mark.timeout(600)]

NO_QUESTIONS = "the process cannot say which client it asks"
ONE_LOG_LEVEL = "one client would set the level for all, and log messages name no client"
NO_STREAM = "changes are told on streams of 2026-07-28"
OLDER_PROCESS = "the process is spoken to in the older protocol, in which no result asks for input"

EXCEPTIONS = {
    OLDER: {
        "tools-call-sampling/tools-call-sampling": NO_QUESTIONS,
        "tools-call-elicitation/tools-call-elicitation": NO_QUESTIONS,
        "elicitation-sep1034-defaults/elicitation-sep1034-general": NO_QUESTIONS,
        "elicitation-sep1330-enums/elicitation-sep1330-general": NO_QUESTIONS,
        "logging-set-level/logging-set-level": ONE_LOG_LEVEL,
        "tools-call-with-logging/tools-call-with-logging": ONE_LOG_LEVEL,
        "resources-subscribe/resources-subscribe": NO_STREAM,
        "resources-unsubscribe/resources-unsubscribe": NO_STREAM,
        "server-sse-polling/incoming-sse-event": NO_RECONNECTION_TOOL,
    },
    NEWER: {
        f"{scenario}/sep-{check}": OLDER_PROCESS
        for scenario, check in (
            ("input-required-result-basic-elicitation", "2322-elicitation-incomplete"),
            ("input-required-result-basic-list-roots", "2322-list-roots-incomplete"),
            ("input-required-result-basic-sampling", "2322-sampling-incomplete"),
            ("input-required-result-capability-check", "2322-respect-client-capabilities"),
            ("input-required-result-multi-round", "2322-multi-round-r1"),
            ("input-required-result-multiple-input-requests", "2322-multiple-inputs-incomplete"),
            ("input-required-result-non-tool-request", "2322-non-tool-incomplete"),
            ("input-required-result-request-state", "2322-request-state-incomplete"),
            ("input-required-result-result-type", "2322-result-type-included"),
            ("input-required-result-tampered-state", "2322-reject-tampered-state"),
            ("server-stateless", "2575-http-server-no-independent-requests-on-stream"),
        )
    },
}
"""The checks that do not pass, as scenario/check, and why; docs/stdio-server.md says the same."""


@pytest.mark.parametrize("revision", EXCEPTIONS)
async def test_all_scenarios_pass_but_those_with_a_reason(packages, tmp_path, revision):
    program = "from tests.conformance.server import server; server.run('stdio')"
    command = shlex.join(["env", f"PYTHONPATH={REPOSITORY}", sys.executable, "-c", program])
    async with guarded("mcp:tools", upstream_command=command) as url:
        await run_scenarios(packages, url, revision, tmp_path)
    found = {name: checks for name, checks in statuses(tmp_path).items() if not name.startswith(NOT_SCORED)}
    failed = {f"{name}/{check}" for name, checks in found.items() for check, status in checks if status == "FAILURE"}
    assert len(statuses(tmp_path)) >= SCENARIOS[revision]
    assert failed == EXCEPTIONS[revision].keys()
