"""`python -m mcp_service check-config`: what is wrong, and what the authorization server has to know."""

import json
import os
import socket
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from auth_service.resources.catalogue import ProtectedResource
from mcp_service.commands.app import app as cli
from tests.support.threaded_documents import serve_documents

GOOD = {"MCP_ISSUER": "https://auth.example", "MCP_RESOURCE": "https://tools.example/mcp"}
MIXED = "tests.mcp_service.mixed_server"


@pytest.fixture
def run(monkeypatch):
    def invoke(*arguments, **environment):
        for name, value in (GOOD | environment).items():
            monkeypatch.setenv(name, value)
        return CliRunner().invoke(cli, ["check-config", *arguments])

    return invoke


def test_sound_settings_are_ok(run):
    result = run("--offline")
    assert (result.exit_code, result.stdout) == (0, "ok\n")


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({"MCP_ISSUER": "http://auth.example"}, "MCP_ISSUER"),
        ({"MCP_SERVER": "no_such_module:server"}, "cannot be imported"),
        ({"MCP_SERVER": f"{MIXED}:server", "MCP_SCOPES": f"{MIXED}:scopes"}, "MCP_ALLOW_ANONYMOUS"),
    ],
)
def test_what_is_wrong_is_told_and_the_exit_code_says_so(run, environment, complaint):
    result = run(**environment)
    assert result.exit_code == 2
    assert complaint in result.stderr


@pytest.mark.parametrize(
    ("environment", "name", "scopes"),
    [
        ({}, "Notes", {"notes:read", "notes:write"}),
        ({"MCP_SERVER": f"{MIXED}:server"}, "mixed", {"mcp:tools"}),
        (
            {"MCP_SERVER": f"{MIXED}:server", "MCP_SCOPES": f"{MIXED}:scopes", "MCP_ALLOW_ANONYMOUS": "true"},
            "mixed",
            {"t:read", "t:write"},
        ),
        ({"MCP_RESOURCE_NAME": "Mine"}, "Mine", {"notes:read", "notes:write"}),
    ],
)
def test_the_entry_for_the_authorization_server_is_one_that_it_takes(run, environment, name, scopes):
    result = run("--print-resource", **environment)
    entries = [ProtectedResource.model_validate(entry) for entry in json.loads(result.stdout)]
    assert [(entry.identifier, entry.name, set(entry.scopes)) for entry in entries] == [
        ("https://tools.example/mcp", name, scopes)
    ]


def test_the_entry_says_where_the_authorization_server_reads_the_metadata(run):
    (entry,) = json.loads(run("--print-resource", "--metadata-origin", "http://mcp:9001").stdout)
    read_at = ProtectedResource.model_validate(entry).metadata_url
    assert read_at == "http://mcp:9001/.well-known/oauth-protected-resource/mcp"


@pytest.fixture
def served():
    with serve_documents() as (origin, documents):
        yield origin, documents


def test_scopes_that_the_issuer_does_not_list_are_a_warning(run, served):
    issuer, documents = served
    documents["/.well-known/oauth-authorization-server"] = {"issuer": issuer, "scopes_supported": ["notes:read"]}
    result = run(MCP_ISSUER=issuer)
    assert (result.exit_code, result.stdout) == (0, "ok\n")
    assert "the issuer does not list notes:write: no client can get it" in result.stderr
    assert "--print-resource" in result.stderr
    assert run("--offline", MCP_ISSUER=issuer).stderr == ""


def test_an_issuer_that_does_not_tell_is_said_and_is_no_warning(run, served):
    result = run(MCP_ISSUER=served[0])
    assert (result.exit_code, result.stdout) == (0, "ok\n")
    assert "not compared" in result.stderr
    assert "warning" not in result.stderr


def serve(**settings):
    """Start it, to see it refuse."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("MCP_")}
    return subprocess.run(
        [sys.executable, "-m", "mcp_service", "serve"],
        env=inherited | GOOD | {"MCP_NOTES_REDIS_URL": "unix:///nonexistent/socket"} | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_busy_port_is_said():
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        ended = serve(MCP_PORT=str(busy.getsockname()[1]))
    assert ended.returncode == 2
    assert "cannot listen" in ended.stderr
    assert "address already in use" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_server_that_cannot_be_imported_is_said_once():
    ended = serve(MCP_PORT="0", MCP_SERVER="no_such_module:server")
    assert ended.returncode == 2
    assert ended.stderr.count("cannot be imported") == 1


def test_an_address_at_which_no_mcp_server_answers_is_a_warning(run, served):
    origin, _ = served
    result = run(MCP_UPSTREAM=f"{origin}/wrong?key=secret", MCP_SCOPE_CHECK="off")
    assert (result.exit_code, result.stdout) == (0, "ok\n")
    assert f"warning: there is no MCP server at MCP_UPSTREAM ({origin}/wrong): it answers 501" in result.stderr
    assert "secret" not in result.stderr


def test_the_server_is_not_asked_offline(run, served):
    origin, _ = served
    assert "warning" not in run("--offline", MCP_UPSTREAM=f"{origin}/wrong").stderr


def test_the_entry_for_the_authorization_server_is_printed_without_asking_the_server_unless_told_so(run, served):
    origin, _ = served
    assert run("--print-resource", MCP_UPSTREAM=f"{origin}/wrong").stderr == ""
    told = run("--print-resource", "--read-upstream", MCP_UPSTREAM=f"{origin}/wrong")
    assert "warning: there is no MCP server" in told.stderr
    assert json.loads(told.stdout)[0]["identifier"] == GOOD["MCP_RESOURCE"]
