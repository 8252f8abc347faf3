"""`python -m mcp_service keys`: list, rotate, new."""

import json

import pytest
from typer.testing import CliRunner

from mcp_service.commands.app import app as cli
from mcp_service.principal.key_file import KeyFile
from mcp_service.principal.key_lifecycle import OVERLAP_SECONDS, first_ring
from mcp_service.principal.key_pairs import configured, new_own_key


@pytest.fixture
def run(monkeypatch, tmp_path):
    settings = {
        "MCP_ISSUER": "https://auth.example",
        "MCP_RESOURCE": "https://tools.example/mcp",
        "MCP_STATE_DIR": str(tmp_path),
    }

    def invoke(*arguments, **changes):
        for name, value in (settings | changes).items():
            monkeypatch.setenv(name, value)
        return CliRunner().invoke(cli, ["keys", *arguments])

    return invoke


def store(directory, *, published):
    return KeyFile(directory).change(
        lambda _: first_ring(new_own_key(now=published), new_own_key(now=published), now=published)
    )


def test_the_pending_key_signs_after_a_rotation(run, tmp_path):
    ring = store(tmp_path, published=1_800_000_000 - 300 * 86_400)
    result = run("rotate")
    assert (result.exit_code, result.stdout) == (0, f"{ring.pending.kid} signs from now on\n")
    listed = run("list").stdout.splitlines()
    assert [line.split()[1] for line in listed] == ["active", "pending", "retiring"]
    assert [line.split()[0] for line in (listed[0], listed[2])] == [ring.pending.kid, ring.active.kid]
    assert "UTC" in listed[2]


def test_a_rotation_that_readers_could_not_follow_is_refused(run, tmp_path, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 1_800_000_000.0)
    ring = store(tmp_path, published=1_800_000_000 - OVERLAP_SECONDS + 42)
    result = run("rotate")
    assert result.exit_code == 2
    assert "Try again in 42 s" in result.stderr
    assert KeyFile(tmp_path).read() == ring


@pytest.mark.parametrize("command", ["list", "rotate"])
def test_a_command_makes_no_keys(run, tmp_path, command):
    result = run(command)
    assert result.exit_code == 2
    assert "no keys yet" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [({"MCP_STATE_DIR": ""}, "MCP_STATE_DIR is not set"), ({"MCP_ISSUER": "x"}, "MCP_ISSUER")],
)
def test_settings_without_keys_are_refused(run, changes, complaint):
    result = run("list", **changes)
    assert result.exit_code == 2
    assert complaint in result.stderr


def test_no_command_shows_a_private_key_but_the_one_that_makes_it(run, tmp_path):
    ring = store(tmp_path, published=1)
    secrets = [key.private["d"] for key in ring.keys]
    printed = run("list").output + run("rotate").output
    assert [secret for secret in secrets if secret in printed] == []


def test_a_new_key_is_one_that_can_be_configured(run):
    printed = run("new").stdout
    assert configured(printed).signing_key.kid == json.loads(printed)["kid"]
    assert run("new").stdout != printed
