"""The tables of packages in docs/architecture.md are the layers that import-linter enforces (pyproject.toml)."""

import re
import tomllib

import pytest

from devstack.service_process import REPOSITORY

CONTAINERS = ("auth_service", "mcp_service", "shared", "sallyport_doctor")
ROW = re.compile(r"^\| (\d+) \| `(\w+)` \| .+ \|$", re.MULTILINE)


def enforced(container):
    """The layers of the container's contract, top first. `__main__` is a way in, no package."""
    with (REPOSITORY / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract.get("containers") == [container])
    packages = (set(re.findall(r"\w+", layer)) - {"__main__"} for layer in layers)
    return [layer for layer in packages if layer]


def listed(container):
    """The layer and the package of each row, in the order of the table."""
    text = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = re.search(rf"^### {container}, .*?(?=^#)", text, re.MULTILINE | re.DOTALL)
    return [(int(layer), package) for layer, package in ROW.findall(table[0])]


@pytest.mark.parametrize("container", CONTAINERS)
def test_the_table_has_the_layers_of_the_contract(container):
    expected = [(layer, package) for layer, packages in enumerate(enforced(container), 1) for package in packages]
    assert sorted(listed(container)) == sorted(expected)


@pytest.mark.parametrize("container", CONTAINERS)
def test_the_table_is_in_the_order_of_the_layers(container):
    assert listed(container) == sorted(listed(container), key=lambda row: row[0])
