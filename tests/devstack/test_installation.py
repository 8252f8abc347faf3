"""The installation of `make run` and `make test`, with a stand-in for pip."""

import os
import shutil
import subprocess

import pytest

from devstack.service_process import REPOSITORY


@pytest.mark.parametrize(
    ("target", "requirements"), [("run", "requirements-local.txt"), ("test", "requirements-dev.txt")]
)
def test_an_installation_without_a_network_ends_with_what_is_missing(tmp_path, target, requirements):
    shutil.copy(REPOSITORY / "Makefile", tmp_path)
    for name in ("requirements-local.txt", "requirements-dev.txt"):
        (tmp_path / name).touch()
    python = tmp_path / "environment" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho 'ERROR: No matching distribution found' >&2\nexit 1\n")
    python.chmod(0o700)
    failed = subprocess.run(
        ["make", "VENV=environment", target],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert failed.returncode != 0
    pips, ours, makes = failed.stderr.splitlines()
    assert pips == "ERROR: No matching distribution found"
    assert ours.startswith(f"make: the packages of {requirements} are missing: pip")
    assert "needs a network" in ours
    assert "://" not in ours
    assert makes.startswith("make: ***")
    assert not list((tmp_path / "environment").glob(".*-installed")), "the next run installs again"
