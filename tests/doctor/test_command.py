"""The command: what it writes and how it ends. It runs in a process of its own, as people run it."""

import asyncio
import json
import sys
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from shared.doctor.cli import app
from tests.doctor.zoo.faults_resource_metadata import ResourceWithSlash
from tests.doctor.zoo.healthy import HealthyServer


async def command(*arguments, given=None):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "shared.doctor",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(given)
    return process.returncode, out.decode(), err.decode()


@pytest.fixture
async def healthy():
    model = HealthyServer()
    await model.start()
    yield model
    await model.stop()


@pytest.fixture
async def ill():
    model = ResourceWithSlash()
    await model.start()
    yield model
    await model.stop()


async def test_it_ends_with_0_and_is_quiet_on_standard_error_when_all_is_well(healthy):
    status, out, err = await command(healthy.resource)
    assert (status, err) == (0, "")
    assert "Nothing to mend." in out
    assert "\x1b[" not in out


async def test_it_ends_with_1_and_tells_what_was_seen_and_how_to_mend_it(ill):
    status, out, _err = await command(ill.resource)
    assert status == 1
    assert "resource-trailing-slash" in out
    assert f"'{ill.resource}/' instead of '{ill.resource}'" in out


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("ftp://host/mcp",),
        ("http://localhost:1/mcp",),
        ("http://no.invalid/mcp",),
    ],
)
async def test_it_ends_with_2_when_there_is_nothing_to_look_at(arguments):
    status, out, err = await command(*arguments)
    assert (status, out) == (2, "")
    assert err


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("mcp.example/mcp", "did you mean https://mcp.example/mcp?"),
        ("https://ada:lovelace@mcp.example/mcp", "leave it out"),
        ("https://mcp.example/mcp#top", "fragment"),
        ("http://localhost:1/mcp", "the connection was refused. Is the server running"),
    ],
)
def test_an_address_that_cannot_be_looked_at_is_told_with_what_to_do(address, told):
    result = CliRunner().invoke(app, [address])
    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr
    assert "lovelace" not in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--json", "--sarif"),
        ("--client-id", "x"),
        ("--login", "--client-secret", "-"),
        ("--login", "--client-id", "x", "--client-secret", "-", "--token", "-"),
    ],
)
def test_arguments_that_contradict_each_other_are_refused_before_anything_is_asked(arguments):
    result = CliRunner().invoke(app, ["http://localhost:1/mcp", *arguments])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--" in result.stderr


async def test_json_names_findings_and_verdicts(ill):
    status, out, _err = await command(ill.resource, "--json")
    document = json.loads(out)
    assert (status, document["exit_status"]) == (1, 1)
    assert [f["id"] for f in document["findings"]] == ["resource-trailing-slash"]
    assert {c["id"]: c["outcome"] for c in document["clients"]}["gemini-cli"] == "fails"


async def test_sarif_has_one_rule_and_one_result_per_finding(ill):
    _status, out, _err = await command(ill.resource, "--sarif")
    [sarif_run] = json.loads(out)["runs"]
    assert [r["ruleId"] for r in sarif_run["results"]] == ["resource-trailing-slash"]
    assert [r["id"] for r in sarif_run["tool"]["driver"]["rules"]] == ["resource-trailing-slash"]


async def test_sarif_names_a_place_that_code_scanning_takes(ill):
    """GitHub refuses a place with a scheme, and tells alerts apart by their fingerprints."""
    _status, out, _err = await command(ill.resource, "--sarif")
    document = json.loads(out)
    assert (document["version"], document["$schema"]) == ("2.1.0", "https://json.schemastore.org/sarif-2.1.0.json")
    [result] = document["runs"][0]["results"]
    [place] = result["locations"]
    assert place["physicalLocation"] == {
        "artifactLocation": {"uri": f"localhost_{ill.port}/mcp"},
        "region": {"startLine": 1},
    }
    assert list(result["partialFingerprints"]) == ["doctor/v1"]
    assert result["properties"]["url"] == ill.resource
    assert result["level"] == "error"
    [rule] = document["runs"][0]["tool"]["driver"]["rules"]
    assert rule["shortDescription"]["text"]
    assert rule["fullDescription"]["text"]
    assert rule["help"]["text"]


async def test_sarif_of_a_healthy_server_has_no_result(healthy):
    status, out, _err = await command(healthy.resource, "--sarif")
    assert (status, json.loads(out)["runs"][0]["results"]) == (0, [])


async def test_junit_has_a_case_for_each_client_and_finding(ill):
    status, out, _err = await command(ill.resource, "--junit")
    [suite] = ET.fromstring(out)
    failing = {case.get("name") for case in suite if case.find("failure") is not None}
    assert status == 1
    assert {"resource-trailing-slash", "Claude"} <= failing
    assert "mcp-remote" in {case.get("name") for case in suite} - failing
    assert suite.get("tests") == str(len(suite))
    assert suite.get("failures") == str(len(failing))


async def test_junit_of_a_healthy_server_has_no_failure(healthy):
    status, out, _err = await command(healthy.resource, "--junit")
    [suite] = ET.fromstring(out)
    assert (status, suite.get("failures")) == (0, "0")


async def test_explain_shows_the_page_of_a_finding_and_asks_nobody():
    status, out, _err = await command("--explain", "resource-trailing-slash")
    assert status == 0
    assert "How to mend it" in out
    assert "Breaks\nChatGPT, Claude, " in out


async def test_explain_suggests_names_when_there_is_none_of_that_name():
    status, _out, err = await command("--explain", "trailing")
    assert status == 2
    assert "resource-trailing-slash" in err


def test_explain_guesses_what_was_meant():
    result = CliRunner().invoke(app, ["--explain", "resource-trailing-slsh"])
    assert result.exit_code == 2
    assert "Perhaps: resource-trailing-slash" in result.stderr


async def test_at_the_end_it_names_who_fails(ill):
    _status, out, _err = await command(ill.resource)
    assert out.splitlines()[-1].startswith("Fails: ChatGPT, Claude, ")


async def test_a_token_at_hand_is_examined_and_sent_nowhere(healthy):
    seen = []
    answer = healthy.answer_mcp

    async def watch(request):
        seen.append(dict(request.headers))
        return await answer(request)

    healthy.answer_mcp = watch
    token = healthy.mint("somebody")
    status, out, _err = await command(healthy.resource, "--token", "-", given=token.encode())
    assert (status, [headers for headers in seen if token in str(headers)]) == (0, [])
    assert "Nothing to mend." in out


async def test_a_token_at_hand_without_a_signature_is_told(healthy):
    status, out, _err = await command(healthy.resource, "--token", "eyJhbGciOiJub25lIn0.e30.")
    assert status == 1
    assert "token-unsigned" in out


async def test_a_token_can_be_examined_without_any_address(healthy):
    status, out, err = await command("--token", "-", given=healthy.mint("somebody").encode())
    assert (status, err) == (0, "")
    assert "a JWT of type at+jwt, signed with ES256 (kid zoo-1, not verified)" in out
