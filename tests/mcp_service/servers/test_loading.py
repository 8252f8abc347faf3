"""A user's own server and map: found, or refused at start with a sentence that helps."""

import pytest
from mcp.server import MCPServer

from mcp_service.app import build_app
from mcp_service.servers.loading import load_scope_map, load_server
from mcp_service.servers.wiring import declared_scopes
from mcp_service.settings import McpSettings
from shared.errors import Misconfigured

MIXED = "tests.mcp_service.mixed_server"


def settings(**changes):
    return McpSettings(issuer="https://auth.example", resource="https://tools.example/mcp", **changes)


@pytest.mark.parametrize("attribute", ["server", "make_server"])
def test_a_server_or_a_function_that_makes_one_is_loaded(attribute):
    assert isinstance(load_server(f"{MIXED}:{attribute}"), MCPServer)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("mixed_server", "package.module:attribute"),
        (":server", "package.module:attribute"),
        ("no_such_module:server", "cannot be imported"),
        (f"{MIXED}:nothing", "no attribute 'nothing'"),
        (f"{MIXED}:not_a_server", "is of type int, not an MCPServer"),
    ],
)
def test_a_server_that_is_not_there_is_told(name, complaint):
    with pytest.raises(Misconfigured, match=complaint):
        load_server(name)


def test_a_map_is_loaded_by_name_or_read_as_json():
    assert load_scope_map(f"{MIXED}:scopes").tools["clock"] == "public"
    assert load_scope_map('{"scopes": {"a": "A"}, "default": "a"}').default == ("a",)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "not JSON"),
        (f"{MIXED}:not_a_server", "of type int, not a dict"),
        ('{"scopes": {}, "default": "a"}', "names 'a'"),
        ('{"scopes": {"a": 5}}', "scopes.a"),
    ],
)
def test_a_map_that_is_wrong_is_told(text, complaint):
    with pytest.raises(Misconfigured, match=complaint):
        load_scope_map(text)


def test_the_notes_have_their_own_map_and_other_servers_one_scope_for_all():
    assert "notes:write" in declared_scopes(settings()).scopes
    assert declared_scopes(settings(server=f"{MIXED}:server")).default == ("mcp:tools",)


async def test_public_tools_without_anonymous_access_are_a_contradiction():
    with pytest.raises(Misconfigured, match="MCP_ALLOW_ANONYMOUS"):
        build_app(settings(server=f"{MIXED}:server", scopes=f"{MIXED}:scopes"))
