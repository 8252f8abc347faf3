"""The first line of a report is the result in one sentence."""

import pytest

from sallyport_doctor.evaluation import Finding
from sallyport_doctor.summary import summarize
from sallyport_doctor.verdict import verdicts


@pytest.fixture
def summary_of(catalogue, client_table):
    def summarized(*ids, endpoint="https://mcp.example/mcp"):
        findings = [Finding(catalogue[name], "observed") for name in ids]
        return summarize(findings, verdicts(findings, client_table), endpoint=endpoint)

    return summarized


@pytest.mark.parametrize(
    ("findings", "kind", "headline"),
    [
        ((), "healthy", "Healthy. Every client works. Nothing to fix."),
        (("slash-variant-missing",), "notes", "Healthy. Every client works. 1 note to consider."),
        (("page-frameable", "pkce-not-enforced"), "warnings", "Every client works. 2 warnings below."),
        (("authorize-needs-state",), "limited", "Every client works, with limitations for Cursor."),
        (("prm-missing",), "fails", "Fails for 2 of 14 clients: ChatGPT, Claude Code. Limited: Claude, VS Code, "),
        (("as-metadata-missing",), "fails", "Protected, but no client can sign in."),
        (("host-rejected",), "fails", "No client can use this server."),
        (("server-open",), "server-open", "Open: any client can call this server without a token."),
        (("key-private-published",), "key-private-published", "Not protected: the key that signs tokens is published."),
    ],
)
def test_it_says_what_matters_most(summary_of, findings, kind, headline):
    summary = summary_of(*findings)
    assert (summary.kind, summary.headline.startswith(headline)) == (kind, True), summary.headline


def test_it_lists_what_to_do_about_errors_and_warnings_but_not_about_notes(summary_of, catalogue):
    steps = summary_of("issuer-differs", "page-frameable", "slash-variant-missing").steps
    assert [(step.finding, step.fix) for step in steps] == [
        (name, catalogue[name].fix) for name in ("issuer-differs", "page-frameable")
    ]


def test_a_url_of_the_server_in_the_headline_cannot_write_to_the_terminal(summary_of):
    summary = summary_of("mcp-at-other-url", endpoint="https://mcp.example/\x1b[2J{0}")
    assert summary.headline == "Wrong URL: the MCP server is at https://mcp.example/?[2J{0}"


def test_without_clients_it_speaks_of_the_findings_only(catalogue):
    [summary] = [summarize([Finding(catalogue["token-unsigned"], "observed")], (), endpoint="")]
    assert (summary.kind, summary.headline) == ("warnings", "1 error below.")
