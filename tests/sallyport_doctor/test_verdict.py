"""Findings become a verdict by data alone."""

import pytest

from sallyport_doctor.evaluation import Finding
from sallyport_doctor.verdict import Outcome, verdicts


@pytest.fixture
def verdicts_for(catalogue, client_table):
    def verdicts_by_client(*ids):
        findings = [Finding(catalogue[name], "observed") for name in ids]
        return {v.client: v for v in verdicts(findings, client_table)}

    return verdicts_by_client


def test_without_findings_every_client_works(verdicts_for):
    assert {v.outcome for v in verdicts_for().values()} == {Outcome.WORKS}


def test_without_dynamic_registration_clients_without_cimd_need_manual_registration(verdicts_for):
    found = verdicts_for("dcr-not-offered")
    assert found["cursor"].outcome is Outcome.LIMITED
    assert "type in an id" in found["cursor"].reasons[0].why
    assert found["copilot-cli"].outcome is Outcome.WORKS


def test_without_any_registration_method_a_client_without_manual_registration_fails(verdicts_for):
    found = verdicts_for("registration-impossible")
    assert (found["copilot-cli"].outcome, found["claude"].outcome) == (Outcome.FAILS, Outcome.LIMITED)


def test_a_client_that_fails_says_what_its_user_sees(verdicts_for):
    assert (
        verdicts_for("resource-trailing-slash")["chatgpt"].error_message
        == "There was a problem connecting. Try again later"
    )


def test_what_its_user_sees_depends_on_the_finding(verdicts_for):
    assert verdicts_for("registration-refuses-secret")["le-chat"].error_message.startswith(
        "Missing oauth2 metadata secrets"
    )
    assert verdicts_for("plain-http")["le-chat"].error_message == ""


def test_each_reason_is_given_once(verdicts_for):
    for verdict in verdicts_for("as-metadata-missing", "registration-impossible", "dcr-not-offered").values():
        names = [reason.finding for reason in verdict.reasons]
        assert len(names) == len(set(names))


def test_a_cors_fault_touches_only_clients_that_run_in_a_browser(verdicts_for):
    found = verdicts_for("cors-preflight-refused")
    assert {name for name, v in found.items() if v.outcome is not Outcome.WORKS} == {"inspector-page"}


@pytest.mark.parametrize("finding", ["prm-null-member", "as-metadata-null-member", "response-types-missing"])
def test_metadata_that_the_typescript_sdk_rejects_fails_its_clients_only(verdicts_for, finding):
    failing = {name for name, v in verdicts_for(finding).items() if v.outcome is Outcome.FAILS}
    assert failing == {"claude-code", "inspector-page", "inspector-cli", "mcp-remote"}


def test_no_token_endpoint_at_the_origin_of_the_resource_limits_clients_of_the_python_sdk(verdicts_for):
    affected = {name: v.outcome for name, v in verdicts_for("token-endpoint-not-at-resource").items()}
    assert {name for name, outcome in affected.items() if outcome is not Outcome.WORKS} == {"python-sdk"}
    assert affected["python-sdk"] is Outcome.LIMITED


def test_faults_of_the_sign_in_do_not_touch_clients_that_need_none(verdicts_for):
    assert {v.outcome for v in verdicts_for("server-open", "issuer-differs").values()} == {Outcome.ANONYMOUS}


def test_a_page_still_fails_at_an_open_server_that_it_cannot_read(verdicts_for):
    found = verdicts_for("server-open", "cors-preflight-refused")
    assert (found["inspector-page"].outcome, found["inspector-cli"].outcome) == (Outcome.FAILS, Outcome.ANONYMOUS)
