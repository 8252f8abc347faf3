"""sallyport_doctor is a distribution of its own: independent, complete, and installable as a wheel."""

import ast
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import sallyport_doctor

PACKAGE = Path(sallyport_doctor.__file__).parent
REPOSITORY = PACKAGE.parent
PROJECT = tomllib.loads((PACKAGE / "pyproject.toml").read_text(encoding="utf-8"))


def imported():
    """The top-level modules that the package imports, except those of the standard library."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            yield from (name.partition(".")[0] for name in names)


def test_it_imports_its_dependencies_and_nothing_else():
    declared = {dependency.partition(">")[0] for dependency in PROJECT["project"]["dependencies"]}
    assert set(imported()) - sys.stdlib_module_names - {"sallyport_doctor"} == declared


def test_its_dependencies_have_the_bounds_of_the_services():
    services = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(PROJECT["project"]["dependencies"]) <= set(services["project"]["dependencies"])


def test_every_package_and_data_file_is_declared():
    packages = {
        ".".join(path.parent.relative_to(REPOSITORY).parts)
        for path in PACKAGE.rglob("__init__.py")
        if "build" not in path.parts
    }
    assert packages == set(PROJECT["tool"]["setuptools"]["packages"])
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["sallyport_doctor.knowledge"]
    included = {path for pattern in patterns for path in (PACKAGE / "knowledge").glob(pattern)}
    assert included == set((PACKAGE / "knowledge").rglob("*.toml"))


@pytest.mark.npm
@pytest.mark.timeout(600)
def test_the_wheel_installs_and_its_command_runs_outside_the_repository(tmp_path):
    """Marked npm because the isolated build downloads setuptools from the Python index."""
    source, target = tmp_path / "source", tmp_path / "target"
    shutil.copytree(PACKAGE, source, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", tmp_path, source], check=True, timeout=540)
    [wheel] = tmp_path.glob("sallyport_doctor-*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--no-index", "--target", target, wheel], check=True, timeout=60)

    def command(*arguments):
        environment = {**os.environ, "PYTHONPATH": str(target)}
        return subprocess.run(
            [sys.executable, target / "bin" / "sallyport-doctor", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout

    assert "--register" in command("--help")
    assert "docs/interop.md R2" in command("--explain", "prm-missing")
