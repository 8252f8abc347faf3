"""The most important result comes first, and a finding requires proof."""

import json
import re

import pytest

from tests.sallyport_doctor.faulty_servers.faults_login import DeadButton
from tests.sallyport_doctor.faulty_servers.faults_mcp_endpoint import OpenWithoutMetadata
from tests.sallyport_doctor.faulty_servers.faults_oauth_endpoints import NoCors
from tests.sallyport_doctor.faulty_servers.healthy import HealthyServer
from tests.sallyport_doctor.faulty_servers.not_mcp import (
    EnteredWithoutPath,
    EnteredWithWrongPath,
    SinglePageApplication,
    WebServer,
)


@pytest.fixture
async def serve():
    """Start a model server until the end of the test."""
    started = []

    async def start(model):
        await model.start()
        started.append(model)
        return model

    yield start
    for model in started:
        await model.stop()


def findings_in(out):
    """The findings among the details of a text report."""
    return re.findall(r"^(?:error|warning|note) (\S+):", out, re.MULTILINE)


async def test_an_open_server_is_called_open_before_anything_else(serve, command):
    model = await serve(OpenWithoutMetadata())
    status, out, _err = await command(model.resource)
    assert (status, out.splitlines()[2]) == (1, "Open: any client can call this server without a token.")
    assert " works " not in out


async def test_an_open_server_is_open_in_json_too(serve, command):
    model = await serve(OpenWithoutMetadata())
    status, out, _err = await command(model.resource, "--json")
    document = json.loads(out)
    assert (status, document["exit_status"], document["summary"]["kind"]) == (1, 1, "server-open")
    assert {client["outcome"] for client in document["clients"]} == {"anonymous"}


@pytest.mark.parametrize("kind", [WebServer, SinglePageApplication])
async def test_a_web_server_is_no_mcp_server(serve, command, kind):
    model = await serve(kind())
    status, out, _err = await command(model.entered)
    assert (status, out.splitlines()[2]) == (1, "No MCP server here.")
    assert findings_in(out) == ["no-mcp-server"]


@pytest.mark.parametrize("kind", [EnteredWithoutPath, EnteredWithWrongPath])
async def test_for_a_wrong_path_the_right_url_is_named(serve, command, kind):
    model = await serve(kind())
    status, out, _err = await command(model.entered)
    assert (status, out.splitlines()[2]) == (1, f"Wrong URL: the MCP server is at {model.resource}")


async def test_an_address_of_this_machine_without_a_scheme_is_http_and_the_report_says_so(serve, command):
    model = await serve(HealthyServer())
    status, out, _err = await command(model.resource.removeprefix("http://"))
    assert status == 0
    assert "http is assumed" in out


async def test_the_inspector_is_judged_apart_for_its_page_and_its_command_line(run):
    diagnosis = await run(NoCors())
    outcomes = {v.client: v.outcome.name for v in diagnosis.verdicts}
    assert (outcomes["inspector-page"], outcomes["inspector-cli"]) == ("FAILS", "WORKS")


async def test_a_sign_in_that_nobody_finished_is_a_time_out_and_blames_no_policy(run):
    diagnosis = await run(DeadButton(), **DeadButton.options)
    [finding] = diagnosis.findings
    assert (finding.id, finding.severity.value) == ("login-timed-out", "warning")
    assert finding.observed.startswith("the sign-in was not completed within 0.2 s; ")
    assert {v.outcome.name for v in diagnosis.verdicts} == {"WORKS"}


class ScopeThatNobodyGrants(HealthyServer):
    """The challenge demands a scope that the authorization server does not list."""

    def metadata(self):
        return super().metadata() | {"scopes_supported": ["notes:write", "offline_access"]}


async def test_scopes_of_the_challenge_that_nobody_grants_fail_every_client_that_requests_them(run):
    diagnosis = await run(ScopeThatNobodyGrants())
    outcomes = {v.client: v.outcome.name for v in diagnosis.verdicts}
    assert {outcomes[name] for name in ("chatgpt", "claude", "claude-code", "vscode", "inspector-cli")} == {"FAILS"}
    assert outcomes["gemini-cli"] != "FAILS"
