"""The table of docs/identity-provider-threats.md names tests that exist, and those that name a threat."""

import re

from devstack.service_process import REPOSITORY

ROWS = dict(
    re.findall(
        r"^\| (P\d+) \|.*\| ([^|]+) \|$", (REPOSITORY / "docs/identity-provider-threats.md").read_text(), re.MULTILINE
    )
)
TESTS = {
    str(file.relative_to(REPOSITORY)): set(re.findall(r"\bP\d+\b(?=[,:.) ]|$)", file.read_text(encoding="utf-8")))
    for folder in ("auth_service", "e2e", "races")
    for file in (REPOSITORY / "tests" / folder).rglob("test_*.py")
    if "identity-provider-threats" in file.read_text(encoding="utf-8")
}


def listed_at(threat):
    return re.findall(r"`([^`]+)`", ROWS[threat])


def test_each_file_that_the_table_names_exists():
    assert [file for threat in ROWS for file in listed_at(threat) if not (REPOSITORY / file).exists()] == []


def test_each_threat_is_tried_by_a_test():
    assert [threat for threat in ROWS if not listed_at(threat)] == []


def test_a_test_that_names_the_table_is_listed_at_each_threat_that_it_names_and_at_no_other():
    assert TESTS
    listed = {file: {threat for threat in ROWS if file in listed_at(threat)} for file in TESTS}
    assert listed == TESTS
