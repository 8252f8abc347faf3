"""`python -m mcp_service scopes`: a map that MCP_SCOPES takes as it is, or one sentence that says what is wrong."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from mcp_service.commands.app import app as cli
from mcp_service.guard.operation import ScopeRules
from mcp_service.servers.loading import load_scope_map
from mcp_service.servers.server_contents import ListedTool, ServerContents

MIXED = "tests.mcp_service.mixed_server"


def run(*arguments):
    return CliRunner().invoke(cli, ["scopes", *arguments])


def test_the_map_is_accepted_as_it_is(tmp_path):
    result = run("--from", f"{MIXED}:server")
    assert result.exit_code == 0
    assert "3 tools (1 with readOnlyHint)" in result.stderr
    file = tmp_path / "scopes.json"
    file.write_text(result.stdout)
    rules = ScopeRules(load_scope_map(str(file)))
    assert rules.tool("clock") == ("mixed:read",)
    assert rules.tool("change") == ("mixed:write",)
    assert rules.covers(("mixed:write",), ["mixed:read"])
    assert load_scope_map(result.stdout) == rules.declared


def test_what_the_server_prints_stays_out_of_the_map(tmp_path, monkeypatch):
    file = tmp_path / "talkative.py"
    file.write_text(
        """
from mcp.server import MCPServer

print("loaded")

class Talkative(MCPServer):
    async def list_tools(self):
        print("asked")
        return await super().list_tools()

server = Talkative("talkative")

@server.tool()
def wave() -> str:
    return "hello"
"""
    )
    result = run("--from", f"{file}:server")
    assert json.loads(result.stdout)["tools"] == {"wave": "talkative:write", "*": "talkative:write"}
    assert "loaded\nasked\n" in result.stderr


def test_a_tool_that_the_server_gets_later_needs_the_scope_that_may_change_things():
    rules = ScopeRules(load_scope_map(run("--from", f"{MIXED}:server").stdout))
    assert rules.tool("drop_everything") == ("mixed:write",)
    assert not rules.declares_tool("drop_everything")


def test_the_configured_server_is_read_without_an_option(monkeypatch):
    assert "name it with --from, or set MCP_SERVER" in run().stderr
    monkeypatch.setenv("MCP_SERVER", f"{MIXED}:server")
    assert "mixed:read" in json.loads(run().stdout)["scopes"]


def test_the_configured_server_over_http_is_read_as_the_guard_reaches_it(monkeypatch):
    """No other setting has to be complete for it: not even the identity that the server would be told."""
    seen: dict[str, Any] = {}

    async def read(source, *, access, seconds):
        seen.update(source=source, access=access)
        return ServerContents("tools", tools=(ListedTool("one", reads_only=True),))

    monkeypatch.setattr("mcp_service.servers.server_contents.read_server", read)
    monkeypatch.setenv("MCP_UPSTREAM", "http://tools.example/mcp")
    monkeypatch.setenv("MCP_UPSTREAM_SOCKET", "/run/mcp.sock")
    monkeypatch.setenv("MCP_UPSTREAM_HOST", "tools.internal")
    monkeypatch.setenv("MCP_UPSTREAM_HEADERS", '{"X-Key": "good"}')
    result = run("--header", "X-Further: yes")
    assert result.exit_code == 0, result.stderr
    assert "tools: 1 tool (1 with readOnlyHint), 0 resources, 0 templates, 0 prompts." in result.stderr
    assert seen["source"] == "http://tools.example/mcp"
    assert seen["access"].socket == "/run/mcp.sock"
    assert seen["access"].headers == {"Host": "tools.internal", "X-Key": "good", "X-Further": "yes"}


def test_the_names_of_the_scopes_can_be_chosen():
    assert set(json.loads(run("--from", f"{MIXED}:server", "--prefix", "ours").stdout)["scopes"]) == {
        "ours:read",
        "ours:write",
    }
    assert run("--from", f"{MIXED}:server", "--prefix", "a b").exit_code == 2


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("no-such-command-here", "cannot be started: No such file"),
        ("true", "does not answer as an MCP server"),
        ("'", "is not a command"),
        ("no_such_module:server", "cannot be imported"),
        (f"{MIXED}:not_a_server", "is of type int"),
        ("http://127.0.0.1:1/mcp", "nothing answers there"),
        ("./weather.py", "name an object in it (./weather.py:server) or a command ('python ./weather.py')"),
    ],
)
def test_a_server_that_cannot_be_read_is_told_in_one_line(source, complaint):
    result = run("--from", source)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert complaint in result.stderr
    assert result.stderr.count("\n") == 1
