"""Machine-readable reports: JSON, SARIF for code scanning, JUnit XML."""

import json
from xml.etree import ElementTree as ET


async def test_json_names_findings_and_verdicts(command, faulty):
    status, out, _err = await command(faulty.resource, "--json")
    document = json.loads(out)
    assert (status, document["exit_status"]) == (1, 1)
    assert [f["id"] for f in document["findings"]] == ["resource-trailing-slash"]
    assert {c["id"]: c["outcome"] for c in document["clients"]}["gemini-cli"] == "fails"


async def test_sarif_has_one_rule_and_one_result_per_finding(command, faulty):
    _status, out, _err = await command(faulty.resource, "--sarif")
    [sarif_run] = json.loads(out)["runs"]
    assert [r["ruleId"] for r in sarif_run["results"]] == ["resource-trailing-slash"]
    assert [r["id"] for r in sarif_run["tool"]["driver"]["rules"]] == ["resource-trailing-slash"]


async def test_sarif_names_a_place_that_code_scanning_takes(command, faulty):
    """GitHub rejects a location with a scheme and identifies alerts by their fingerprints."""
    _status, out, _err = await command(faulty.resource, "--sarif")
    document = json.loads(out)
    assert (document["version"], document["$schema"]) == ("2.1.0", "https://json.schemastore.org/sarif-2.1.0.json")
    [result] = document["runs"][0]["results"]
    [place] = result["locations"]
    assert place["physicalLocation"] == {
        "artifactLocation": {"uri": f"localhost_{faulty.port}/mcp"},
        "region": {"startLine": 1},
    }
    assert list(result["partialFingerprints"]) == ["doctor/v1"]
    assert result["properties"]["url"] == faulty.resource
    assert result["level"] == "error"
    [rule] = document["runs"][0]["tool"]["driver"]["rules"]
    assert rule["shortDescription"]["text"]
    assert rule["fullDescription"]["text"]
    assert rule["help"]["text"]


async def test_sarif_of_a_healthy_server_has_no_result(command, healthy):
    status, out, _err = await command(healthy.resource, "--sarif")
    assert (status, json.loads(out)["runs"][0]["results"]) == (0, [])


async def test_junit_has_a_case_for_each_client_and_finding(command, faulty):
    status, out, _err = await command(faulty.resource, "--junit")
    [suite] = ET.fromstring(out)
    failing = {case.get("name") for case in suite if case.find("failure") is not None}
    assert status == 1
    assert {"resource-trailing-slash", "Claude"} <= failing
    assert "mcp-remote" in {case.get("name") for case in suite} - failing
    assert suite.get("tests") == str(len(suite))
    assert suite.get("failures") == str(len(failing))


async def test_junit_of_a_healthy_server_has_no_failure(command, healthy):
    status, out, _err = await command(healthy.resource, "--junit")
    [suite] = ET.fromstring(out)
    assert (status, suite.get("failures")) == (0, "0")
