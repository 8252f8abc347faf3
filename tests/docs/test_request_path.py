"""The table of the files that a request enters, in docs/architecture.md."""

import subprocess
import sys

import pytest

from devstack.service_process import REPOSITORY


@pytest.mark.long
def test_the_table_is_what_a_request_enters_and_within_the_limits():
    command = [sys.executable, "-m", "tests.request_path", "--check"]
    found = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=False, text=True)
    assert found.returncode == 0, found.stdout + found.stderr
