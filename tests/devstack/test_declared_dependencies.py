"""Whatever a package imports is a dependency that its project declares: what another one brings may be gone one day."""

import ast
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from devstack.service_process import REPOSITORY

OWN = {"auth_service", "devstack", "examples", "mcp_service", "sallyport_doctor", "shared", "tests"}
ELSEWHERE = {"fastmcp", "key_value"}
"""Imported by programs of the tests that run in an environment of their own."""

SERVICES = REPOSITORY / "pyproject.toml"
DOCTOR = REPOSITORY / "sallyport_doctor" / "pyproject.toml"


def declared(path, *groups):
    """The distributions that a project declares, with those of dependency groups."""
    project = tomllib.loads(path.read_text(encoding="utf-8"))
    lists = [project["project"]["dependencies"], *(project["dependency-groups"][group] for group in groups)]
    return {canonicalize_name(Requirement(one).name) for each in lists for one in each if isinstance(one, str)}


def imported(package):
    """Module names, without those of the standard library and of this repository."""
    for path in (REPOSITORY / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.partition(".")[0]


@pytest.mark.parametrize(
    ("package", "project", "groups"),
    [
        ("auth_service", SERVICES, ()),
        ("mcp_service", SERVICES, ()),
        ("shared", SERVICES, ()),
        ("sallyport_doctor", DOCTOR, ()),
        ("devstack", SERVICES, ("local",)),
        ("tests", SERVICES, ("local", "dev")),
    ],
)
def test_every_import_is_declared(package, project, groups):
    distributions, found = packages_distributions(), declared(project, *groups)
    modules = set(imported(package)) - OWN - ELSEWHERE - sys.stdlib_module_names
    undeclared = {name for name in modules if not found & set(map(canonicalize_name, distributions.get(name, ())))}
    assert undeclared == set()
