"""The shape of the code: small modules, and constructors whose dependencies can be read at a glance."""

import ast
import re
from functools import cache
from graphlib import TopologicalSorter

import pytest

from devstack.service_process import REPOSITORY

MAX_LINES = 300
MAX_DEPENDENCIES = 6
PACKAGES = ("auth_service", "mcp_service", "shared", "sallyport_doctor", "devstack")
MODULES = sorted(path for package in PACKAGES for path in (REPOSITORY / package).rglob("*.py"))


@cache
def classes(path):
    """The classes of a module but its exceptions, which have no dependencies."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return tuple(node for node in nodes if isinstance(node, ast.ClassDef) and not is_exception(node))


def is_exception(node):
    return any(getattr(base, "id", "").endswith(("Error", "Exception", "Rejected")) for base in node.bases)


def is_dataclass(node):
    return any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list)


def is_protocol(node):
    return any(ast.unparse(base).startswith("Protocol") for base in node.bases)


def constructor(node):
    return next((one for one in node.body if getattr(one, "name", "") == "__init__"), None)


@cache
def components():
    """The names of the classes that other objects are given, not records: they have a constructor, or are protocols."""
    return frozenset(
        node.name for path in MODULES for node in classes(path) if is_protocol(node) or constructor(node) is not None
    )


def fields(node):
    """The fields of a dataclass that its caller must pass: name and annotation."""
    annotated = [one for one in node.body if isinstance(one, ast.AnnAssign)]
    return {one.target.id: ast.unparse(one.annotation) for one in annotated if one.value is None}


@cache
def imports(path):
    """The names that a module imports from this project, each with the module that is written before it."""
    nodes = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.ImportFrom)]
    ours = [node for node in nodes if (node.module or "").split(".")[0] in PACKAGES]
    return tuple((node.module, alias.name) for node in ours for alias in node.names)


def own_names(path):
    """The names of this project that a module imports or defines as classes."""
    return {name for _, name in imports(path)} | {node.name for node in classes(path)}


def module_name(path):
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_service(node, path):
    """Whether a dataclass works with components. The components that a wiring module hands over are a list of them."""
    names = {name for annotation in fields(node).values() for name in re.findall(r"\w+", annotation)}
    given = names & own_names(path) & components()
    return is_dataclass(node) and not node.name.endswith("Components") and bool(given)


def dependencies(node, path):
    """How many objects a class is built from; 0 for a record."""
    init = constructor(node)
    if init is not None:
        return len(init.args.args) + len(init.args.kwonlyargs) - 1
    return len(fields(node)) if is_service(node, path) else 0


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(REPOSITORY)))
def test_a_module_is_small(path):
    assert path.read_text(encoding="utf-8").count("\n") <= MAX_LINES


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(REPOSITORY)))
def test_a_constructor_takes_few_dependencies(path):
    counted = {node.name: dependencies(node, path) for node in classes(path)}
    assert {name: number for name, number in counted.items() if number > MAX_DEPENDENCIES} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_imports_itself_through_others(package):
    """Imports for type checking count."""
    names = {module_name(path): path for path in MODULES}
    graph = {
        name: {f"{module}.{one}" if f"{module}.{one}" in names else module for module, one in imports(path)}
        for name, path in names.items()
        if name.split(".")[0] == package
    }
    TopologicalSorter(graph).prepare()


def test_the_composition_roots_are_short():
    roots = [REPOSITORY / service / "app.py" for service in ("auth_service", "mcp_service")]
    assert [path.read_text(encoding="utf-8").count("\n") < 150 for path in roots] == [True, True]
