"""A command in a hint can be pasted where the hint is printed."""

import shlex
import subprocess
import sys

import pytest

from auth_service.commands.app import COMMANDS
from devstack.service_process import REPOSITORY
from shared.operator_commands import log_search, operator_command, runnable


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    for name in ("SALLYPORT_RUN_BY", "DATA_DIR", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
        monkeypatch.delenv(name, raising=False)


def test_a_service_started_by_hand_names_the_interpreter_that_has_its_packages(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    command = operator_command("auth_service", "explain", "scope")
    printed = subprocess.run(command, shell=True, capture_output=True, text=True, check=True).stdout
    assert "error_id scope" in printed


def test_the_python_of_a_container_is_called_python(monkeypatch, tmp_path):
    (tmp_path / "python").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert operator_command("auth_service", "users", "list") == "python -m auth_service users list"


def test_beside_make_run_a_command_goes_through_make(monkeypatch):
    monkeypatch.setenv("SALLYPORT_RUN_BY", "make")
    assert operator_command("auth_service", "users", "add", "ada") == 'make auth ARGS="users add ada"'
    assert operator_command("mcp_service", "check-config") == 'make mcp ARGS="check-config"'


def test_the_data_directory_of_make_run_is_part_of_the_command(monkeypatch):
    monkeypatch.setenv("SALLYPORT_RUN_BY", "make")
    monkeypatch.setenv("DATA_DIR", "/srv/my data")
    assert operator_command("auth_service", "users", "list") == 'make auth DATA_DIR="/srv/my data" ARGS="users list"'


@pytest.mark.parametrize(
    "words",
    [
        ("clients", "show", "--", "https://client.example/id?a=1&b=$HOME"),
        ("users", "add", "o'hara"),
        ("users", "show", 'the "one" `here`'),
        ("scopes", "--from", "npx -y some-server"),
    ],
)
def test_arguments_arrive_through_make_as_they_were(monkeypatch, tmp_path, words):
    makefile = tmp_path / "Makefile"
    makefile.write_text(f"auth:\n\t@{sys.executable} -c 'import sys; print(sys.argv[1:])' $(ARGS)\n")
    monkeypatch.setenv("SALLYPORT_RUN_BY", "make")
    command = operator_command("auth_service", *words).replace("make auth", f"make -f {makefile} auth")
    printed = subprocess.run(command, shell=True, capture_output=True, text=True, check=True).stdout
    assert printed.strip() == str(list(words))


def test_in_compose_a_running_container_is_used_and_a_stopped_one_is_not_needed(monkeypatch):
    monkeypatch.setenv("SALLYPORT_RUN_BY", "compose")
    assert operator_command("auth_service", "keys", "list") == (
        "docker compose exec auth python -m auth_service keys list"
    )
    assert operator_command("auth_service", "check-config", stopped=True) == (
        "docker compose run --rm --no-deps auth python -m auth_service check-config"
    )


def test_in_kubernetes_a_command_runs_in_a_replica(monkeypatch):
    monkeypatch.setenv("SALLYPORT_RUN_BY", "kubernetes")
    assert operator_command("mcp_service", "check-config") == (
        "kubectl -n sallyport exec -it deploy/mcp-service -- python -m mcp_service check-config"
    )


def test_commands_in_a_text_are_printed_as_they_are_run_and_other_text_stays(monkeypatch):
    monkeypatch.setenv("SALLYPORT_RUN_BY", "make")
    text = "Compare `resource`; `auth_service audit --client ID` and `mcp_service check-config` tell."
    assert runnable(text, ID="own-abc") == (
        'Compare `resource`; `make auth ARGS="audit --client own-abc"` and `make mcp ARGS="check-config"` tell.'
    )


def test_the_logs_of_both_services_are_searched_at_once(monkeypatch):
    monkeypatch.setenv("SALLYPORT_RUN_BY", "compose")
    assert shlex.split(log_search("a b"))[-3:] == ["grep", "-F", "a b"]
    monkeypatch.setenv("SALLYPORT_RUN_BY", "make")
    assert log_search("x") == "grep -F x .data/*_service.log"
    monkeypatch.delenv("SALLYPORT_RUN_BY")
    assert log_search("x") == "", "where the output of a service goes is unknown"


def test_whatever_starts_the_services_says_how_commands_are_run():
    compose = (REPOSITORY / "compose.yaml").read_text(encoding="utf-8")
    assert compose.count("SALLYPORT_RUN_BY: compose") == 2
    for service in ("auth", "mcp"):
        manifest = (REPOSITORY / f"deploy/kubernetes/{service}-service.yaml").read_text(encoding="utf-8")
        assert "{name: SALLYPORT_RUN_BY, value: kubernetes}" in manifest
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    assert "run auth mcp token rotate-keys doctor: export SALLYPORT_RUN_BY := make" in makefile


def test_no_hint_of_a_program_names_a_command_that_only_works_elsewhere():
    """Commands of the services are written through this module; only descriptions of settings cannot be."""
    found = [
        f"{path.relative_to(REPOSITORY)}: {line.strip()}"
        for package in ("auth_service", "mcp_service", "shared")
        for path in sorted((REPOSITORY / package).rglob("*.py"))
        if path.name not in {"operator_commands.py", "settings.py"}
        for line in path.read_text(encoding="utf-8").splitlines()
        if ("python -m " in line and not line.lstrip().startswith('"""') and "prog" not in line)
        or any(f'hint="{command} ' in line for command in COMMANDS)
    ]
    assert found == []
