"""SECURITY.md, the code that upholds its invariants and the tests that attack them agree."""

import re

import pytest

from devstack.service_process import REPOSITORY
from tests.support.invariants import attacking_tests

TEXT = (REPOSITORY / "SECURITY.md").read_text(encoding="utf-8")
CHAPTERS = {int(n): body for n, body in re.findall(r"^## (\d+)\. (.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)}


def files_after(words, body):
    listed = re.search(rf"^{words} (.*?)\.$", body, re.MULTILINE | re.DOTALL)
    assert listed, f"no files after {words!r}"
    return re.findall(r"`([^`]+)`", listed[1])


def numbers_named_in(file):
    text = (REPOSITORY / file).read_text(encoding="utf-8")
    lists = re.findall(r"[Ii]nvariants?\s+((?:\d+(?:,\s*|\s+and\s+)?)+)", text)
    return {int(number) for found in lists for number in re.findall(r"\d+", found)}


@pytest.fixture(scope="module")
def attacked_by():
    return attacking_tests()


def test_the_invariants_are_numbered_as_announced():
    assert sorted(CHAPTERS) == [*range(1, 16)]


@pytest.mark.parametrize("number", sorted(CHAPTERS))
def test_the_code_that_is_listed_names_the_invariant_at_the_line_that_upholds_it(number):
    files = files_after("Upheld in", CHAPTERS[number])
    assert [file for file in files if number not in numbers_named_in(file)] == []


def test_the_code_names_no_other_invariant():
    packages = ("auth_service", "mcp_service", "shared")
    sources = (file for package in packages for file in (REPOSITORY / package).rglob("*.*") if file.suffix != ".pyc")
    named = {number for file in sources if file.suffix in {".py", ".lua"} for number in numbers_named_in(file)}
    assert named <= set(CHAPTERS)


@pytest.mark.parametrize("number", sorted(CHAPTERS))
def test_exactly_the_files_with_tests_that_are_marked_are_listed_as_attacks(number, attacked_by):
    listed = files_after("Attacked by", CHAPTERS[number])
    assert sorted(listed) == sorted(file for file, numbers in attacked_by.items() if number in numbers)


def test_no_test_is_marked_with_another_invariant(attacked_by):
    assert {n for numbers in attacked_by.values() for n in numbers} <= set(CHAPTERS)
