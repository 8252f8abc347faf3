"""The targets of the Makefile that pass arguments on."""

import subprocess

import pytest

from devstack.service_process import REPOSITORY


@pytest.fixture
def make(tmp_path):
    """Runs a target with a program in the place of Python that prints its arguments; nothing is installed."""
    (tmp_path / "bin").mkdir()
    (tmp_path / ".local-installed").touch()
    (tmp_path / "bin" / "python").write_text('#!/bin/sh\nprintf "<%s>" "$@"\n')
    (tmp_path / "bin" / "python").chmod(0o755)

    def run(target, arguments, compose="false"):
        variables = [f"VENV={tmp_path}", f"ARGS={arguments}", f"COMPOSE={compose}"]
        command = ["make", "--no-print-directory", "-o", "requirements-local.txt", target, *variables]
        return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout

    return run


@pytest.mark.parametrize(
    ("target", "command"),
    [("rotate-keys", "<auth_service><keys><rotate>"), ("auth", "<auth_service>"), ("mcp", "<mcp_service>")],
)
def test_the_arguments_of_a_command_arrive_as_they_are_quoted(make, target, command):
    assert (
        make(target, "--help --reason 'two words'") == f"<-m><devstack.command>{command}<--help><--reason><two words>"
    )


def test_the_arguments_of_a_rotation_arrive_in_the_container_too(make, tmp_path):
    compose = tmp_path / "compose"
    compose.write_text('#!/bin/sh\n[ "$1" = ps ] && echo id || printf "<%s>" "$@"\n')
    compose.chmod(0o755)
    said = make("rotate-keys", "--help", compose=compose)
    assert said == "<exec><--no-TTY><auth><python><-m><auth_service><keys><rotate><--help>"
