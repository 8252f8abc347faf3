"""How findings become a verdict: by data alone."""

import pytest

from sallyport_doctor.judge import Finding
from sallyport_doctor.verdict import Outcome, verdicts


@pytest.fixture
def judged(catalogue, client_table):
    def judge(*ids):
        findings = [Finding(catalogue[name], "seen") for name in ids]
        return {v.client: v for v in verdicts(findings, client_table)}

    return judge


def test_without_findings_every_client_works(judged):
    assert {v.outcome for v in judged().values()} == {Outcome.WORKS}


def test_without_dynamic_registration_those_who_know_nothing_else_need_a_hand(judged):
    found = judged("dcr-not-offered")
    assert found["cursor"].outcome is Outcome.LIMITED
    assert "type in an id" in found["cursor"].reasons[0].why
    assert found["copilot-cli"].outcome is Outcome.WORKS


def test_without_any_way_to_register_a_client_without_a_hand_fails(judged):
    found = judged("registration-impossible")
    assert (found["copilot-cli"].outcome, found["claude"].outcome) == (Outcome.FAILS, Outcome.LIMITED)


def test_a_client_that_fails_says_what_its_user_sees(judged):
    assert judged("resource-trailing-slash")["chatgpt"].says == "There was a problem connecting. Try again later"


def test_what_its_user_sees_depends_on_the_finding(judged):
    assert judged("registration-refuses-secret")["le-chat"].says.startswith("Missing oauth2 metadata secrets")
    assert judged("plain-http")["le-chat"].says == ""


def test_each_reason_is_given_once(judged):
    for verdict in judged("as-metadata-missing", "registration-impossible", "dcr-not-offered").values():
        names = [reason.finding for reason in verdict.reasons]
        assert len(names) == len(set(names))


def test_trouble_in_a_browser_touches_only_who_runs_in_one(judged):
    found = judged("cors-preflight-refused")
    assert {name for name, v in found.items() if v.outcome is not Outcome.WORKS} == {"inspector"}
