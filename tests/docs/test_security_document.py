"""SECURITY.md, the code that upholds its invariants and the tests that attack them agree."""

import ast
import re

import pytest

from devstack.service_process import REPOSITORY
from tests.support.entered_functions import never_entered
from tests.support.invariants import attacking_tests

TEXT = (REPOSITORY / "SECURITY.md").read_text(encoding="utf-8")
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
CHAPTERS = {int(n): body for n, body in re.findall(r"^## (\d+)\. (.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)}


def listed_after(words, body):
    listed = re.search(rf"^{words} (.*?)\.$", body, re.MULTILINE | re.DOTALL)
    assert listed, f"no files after {words!r}"
    return listed[1]


def upheld_in(body):
    """Pairs of a file and the names in brackets after it."""
    found = re.findall(r"`([\w/.]+)`(?:\s\(([^)]+)\))?", listed_after("Upheld in", body))
    return [(file, re.findall(r"`(\w+)`", names)) for file, names in found]


def defined_in(file):
    """The functions, methods and classes of a module, or the functions of a script."""
    text = (REPOSITORY / file).read_text(encoding="utf-8")
    if file.endswith(".lua"):
        return set(re.findall(r"^local function (\w+)", text, re.MULTILINE))
    return {node.name for node in ast.walk(ast.parse(text)) if isinstance(node, FUNCTIONS | ast.ClassDef)}


def functions_in(file):
    """The functions and methods of a module."""
    tree = ast.parse((REPOSITORY / file).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, FUNCTIONS)}


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
def test_the_code_that_upholds_an_invariant_is_named_and_exists(number):
    upheld = upheld_in(CHAPTERS[number])
    assert upheld
    assert {file: names for file, names in upheld if set(names) - defined_in(file)} == {}
    assert [file for file, names in upheld if not names and not file.endswith(".lua")] == []


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_tests_that_attack_an_invariant_enter_the_functions_that_uphold_it():
    """A class and a script have no function to enter."""
    functions = {
        number: [
            f"{file}:{name}"
            for file, names in upheld_in(body)
            if file.endswith(".py")
            for name in sorted(functions_in(file).intersection(names))
        ]
        for number, body in CHAPTERS.items()
    }
    assert never_entered(functions) == {}


def test_the_code_names_no_other_invariant():
    packages = ("auth_service", "mcp_service", "shared")
    sources = (file for package in packages for file in (REPOSITORY / package).rglob("*.*") if file.suffix != ".pyc")
    named = {number for file in sources if file.suffix in {".py", ".lua"} for number in numbers_named_in(file)}
    assert named <= set(CHAPTERS)


@pytest.mark.parametrize("number", sorted(CHAPTERS))
def test_exactly_the_files_with_tests_that_are_marked_are_listed_as_attacks(number, attacked_by):
    listed = re.findall(r"`([^`]+)`", listed_after("Attacked by", CHAPTERS[number]))
    assert sorted(listed) == sorted(file for file, numbers in attacked_by.items() if number in numbers)


def test_no_test_is_marked_with_another_invariant(attacked_by):
    assert {n for numbers in attacked_by.values() for n in numbers} <= set(CHAPTERS)
