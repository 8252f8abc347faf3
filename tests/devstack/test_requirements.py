"""The files of `make requirements`: pinned, hashed, complete, and naming no index host."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement

from devstack.service_process import REPOSITORY

FILES = ["requirements.txt", "requirements-local.txt", "requirements-dev.txt"]
OF_OTHER_DEPENDENCIES = {"pyjwt", "python-dotenv", "uvicorn"}
"""Of the dependencies of `make run` and the tests: those that mcp and pydantic-settings bring into production."""

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())


def pinned(name):
    """The entries of one file: requirement -> its hashes."""
    text = (REPOSITORY / name).read_text().replace("\\\n", " ")
    entries = [line.split() for line in text.splitlines() if line and not line.startswith("--")]
    found: dict[str, list[tuple[Requirement, list[str]]]] = {}
    for words in entries:
        requirement = Requirement(" ".join(w for w in words if not w.startswith("--hash=")))
        found.setdefault(requirement.name, []).append((requirement, [w for w in words if w.startswith("--hash=")]))
    return found


def group(name):
    for entry in PROJECT["dependency-groups"][name]:
        if isinstance(entry, str):
            yield Requirement(entry)
        else:
            yield from group(entry["include-group"])


@pytest.mark.parametrize("name", FILES)
def test_every_requirement_is_one_version_with_its_hashes(name):
    for entries in pinned(name).values():
        for requirement, hashes in entries:
            assert re.fullmatch(r"==[^,*]+", str(requirement.specifier)), requirement
            assert hashes, requirement
            assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", h) for h in hashes), requirement


@pytest.mark.parametrize("name", FILES)
def test_no_index_host_is_named(name):
    text = (REPOSITORY / name).read_text()
    assert "://" not in text
    assert "index" not in text
    assert "find-links" not in text


@pytest.mark.parametrize(("name", "groups"), list(zip(FILES, [[], ["local"], ["dev"]], strict=True)))
def test_every_dependency_of_the_project_is_pinned_within_its_bounds(name, groups):
    found = pinned(name)
    wanted = [Requirement(d) for d in PROJECT["project"]["dependencies"]]
    for wish in [*wanted, *(r for g in groups for r in group(g))]:
        versions = [next(iter(r.specifier)).version for r, _ in found[wish.name]]
        assert all(wish.specifier.contains(version) for version in versions), wish


def test_production_gets_neither_the_embedded_store_nor_a_test_tool():
    production = pinned("requirements.txt")
    assert {r.name for r in group("dev")} & set(production) == OF_OTHER_DEPENDENCIES


def test_the_smaller_sets_are_part_of_the_larger_with_the_same_versions():
    smaller, middle, larger = (pinned(name) for name in FILES)
    for part, whole in ((smaller, middle), (middle, larger)):
        for name, entries in part.items():
            larger_entries = {str(r) for r, _ in whole[name]}
            # Needed on some platforms by the smaller set, on all of them by the larger.
            everywhere = {f"{r.name}{r.specifier}" for r, _ in entries}
            assert {str(r) for r, _ in entries} <= larger_entries or everywhere <= larger_entries
