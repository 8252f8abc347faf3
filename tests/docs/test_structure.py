"""The shape of the code: small modules, and constructors whose dependencies can be read at a glance."""

import ast

import pytest

from devstack.service_process import REPOSITORY

MAX_LINES = 300
MAX_DEPENDENCIES = 6
PACKAGES = ("auth_service", "mcp_service", "shared", "sallyport_doctor", "devstack")
MODULES = sorted(path for package in PACKAGES for path in (REPOSITORY / package).rglob("*.py"))


def constructors(path):
    """The constructors of a module's classes; an exception has no dependencies."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef) and not is_exception(node):
            yield from ((node.name, one) for one in node.body if getattr(one, "name", "") == "__init__")


def is_exception(node):
    return any(getattr(base, "id", "").endswith(("Error", "Exception", "Rejected")) for base in node.bases)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(REPOSITORY)))
def test_a_module_is_small(path):
    assert path.read_text(encoding="utf-8").count("\n") <= MAX_LINES


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(REPOSITORY)))
def test_a_constructor_takes_few_dependencies(path):
    counted = {name: len(init.args.args) + len(init.args.kwonlyargs) - 1 for name, init in constructors(path)}
    assert {name: number for name, number in counted.items() if number > MAX_DEPENDENCIES} == {}


def test_the_composition_roots_are_short():
    roots = [REPOSITORY / service / "app.py" for service in ("auth_service", "mcp_service")]
    assert [path.read_text(encoding="utf-8").count("\n") < 150 for path in roots] == [True, True]
