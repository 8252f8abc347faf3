"""The data files and the rules agree."""

import pytest

from sallyport_doctor.evaluation import all_rules
from tests.sallyport_doctor.faulty_servers.inventory import all_faults

# Findings that need DNS, a certificate or a clock: see test_network.py.
ELSEWHERE = {
    "plain-http",
    "address-not-public",
    "ipv4-missing",
    "tls-untrusted",
    "tls-expired",
    "tls-wrong-name",
    "tls-failed",
    "tls-expires-soon",
    "response-too-slow",
    "response-slow",
    "document-names-private-address",
    "issuer-default-port",
    "cimd-vendor-refused",
}


def test_every_rule_has_its_entry_in_the_catalogue_and_every_entry_its_rule(catalogue):
    assert set(catalogue) == set(all_rules())


def test_an_entry_stands_in_the_file_that_is_named_as_the_one_of_its_rule(catalogue):
    areas = {name: rule.__module__.rpartition(".")[2] for name, rule in all_rules().items()}
    assert {name: entry.area for name, entry in catalogue.items()} == areas


def test_the_client_table_names_only_findings_that_exist(catalogue, client_table):
    assert client_table.findings() <= set(catalogue)


def test_every_finding_has_a_faulty_server_that_shows_it(catalogue):
    shown = {finding for kind in all_faults() for finding in kind.finds}
    assert set(catalogue) - shown == ELSEWHERE


@pytest.mark.parametrize("failure", [f"F{number}" for number in range(1, 21)])
def test_every_failure_that_real_clients_met_has_a_model(catalogue, failure):
    """F1 to F20 are the failures in docs/interop.md."""
    named = {e.id for e in catalogue.values() if failure in e.interop}
    assert named & {finding for kind in all_faults() for finding in kind.finds}


@pytest.mark.parametrize("part", ["title", "expected", "why", "fix", "sources"])
def test_every_entry_says_everything(catalogue, part):
    assert [entry.id for entry in catalogue.values() if not getattr(entry, part)] == []


def test_every_client_has_its_sources_and_redirects(client_table):
    assert all(client.sources and client.redirects for client in client_table.clients)
