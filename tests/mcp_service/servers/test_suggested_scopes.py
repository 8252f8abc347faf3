"""A map to begin with: names from the server's name, the strict scope for what may change something."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_service.guard.scope_map import ScopeMap
from mcp_service.servers.server_contents import ListedTool, ServerContents
from mcp_service.servers.suggested_scopes import scope_prefix, suggested_scope_map


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("Notes", "notes"),
        ("Acme Weather MCP Server", "acme-weather"),
        ("@modelcontextprotocol/server-filesystem", "filesystem"),
        ("secure-filesystem-server", "secure-filesystem"),
        ("Zürich Überblick", "zurich-uberblick"),
        ("天気", "mcp"),
        ("MCP Server", "mcp"),
        ("", "mcp"),
        ("a" * 99, "a" * 40),
    ],
)
def test_the_scopes_are_named_after_the_server(name, prefix):
    assert scope_prefix(name) == prefix


def test_resources_and_templates_are_named_and_many_of_them_by_their_scheme():
    few = ServerContents("x", resources=("a://1",), templates=("a://notes/{id}",))
    assert list(suggested_scope_map(few)["resources"]) == ["a://1", "a://notes/*"]
    many = ServerContents("x", resources=tuple(f"a://{n}" for n in range(40)), templates=("b://{id}",))
    assert list(suggested_scope_map(many)["resources"]) == ["a://*", "b://*"]


NAMES = st.lists(st.text(min_size=1) | st.sampled_from(["a*", "*a"]), max_size=5).map(tuple)


@settings(max_examples=40)
@given(
    st.builds(
        ServerContents,
        name=st.text(max_size=200),
        tools=NAMES.map(lambda names: tuple(ListedTool(n, n == "a*") for n in names)),
        prompts=NAMES,
        resources=NAMES,
        templates=NAMES,
    )
)
def test_whatever_a_server_lists_the_map_is_one_that_the_guard_takes(contents):
    declared = ScopeMap.model_validate(suggested_scope_map(contents))
    assert len(declared.scopes) == 2
