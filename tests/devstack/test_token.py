"""`make token`: where it gives a token at once, and where it does not."""

import fcntl
import json
import re

import pytest
import typer
from typer.testing import CliRunner

from devstack import token
from devstack.run import ENVIRONMENT_FILE
from devstack.service_process import REPOSITORY

app = typer.Typer()
app.command()(token.token)


@pytest.fixture
def data_dir(tmp_path, monkeypatch):
    """The data directory of an ended `make run` that had a demo user."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    settings = {"AUTH_ISSUER": "http://localhost:1", "DEMO_USERNAME": "demo"}
    (tmp_path / ENVIRONMENT_FILE).write_text(json.dumps(settings))
    (tmp_path / "password-of-demo").write_text("x3f8-p9km\n")
    return tmp_path


@pytest.fixture
def running(data_dir):
    """The lock that a running `make run` holds."""
    with (data_dir / "run.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield data_dir


def run(*arguments):
    result = CliRunner().invoke(app, arguments)
    assert result.stdout == "", "nothing but a token goes to standard output"
    return result.exit_code, result.stderr


def test_where_nothing_ever_ran_the_way_to_start_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    code, said = run()
    assert (code, "`make run`" in said) == (1, True)


def test_where_nothing_runs_now_the_way_to_start_it_is_named(data_dir):
    code, said = run()
    assert (code, "do not run: start them with `make run`" in said) == (1, True)


@pytest.mark.invariant(7)
def test_without_the_password_of_the_demo_user_there_is_no_token_at_once(running):
    (running / "password-of-demo").unlink()
    code, said = run()
    assert code == 1
    assert "the password of demo is not known here" in said
    assert "--browser" in said


@pytest.mark.invariant(7)
def test_at_a_public_issuer_there_is_no_token_at_once(running):
    (running / ENVIRONMENT_FILE).write_text(json.dumps({"AUTH_ISSUER": "https://auth.example"}))
    code, said = run()
    assert code == 1
    assert "on this machine only" in said
    assert "--browser" in said


@pytest.mark.invariant(7)
def test_no_image_and_no_service_contains_the_demo_user():
    assert "devstack" not in (REPOSITORY / "Dockerfile").read_text()
    services = [
        path for name in ("auth_service", "mcp_service", "shared") for path in (REPOSITORY / name).rglob("*.py")
    ]
    assert [path for path in services if re.search(r"^\s*(from|import) devstack", path.read_text(), re.MULTILINE)] == []
