"""Which resource a client means, and which scopes it can grant (RFC 8707, interop.md A8 and A9)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_service.resources.catalogue import ProtectedResource, ResourceCatalogue, canonical_resource, grantable_scopes

NOTES = ProtectedResource.model_validate(
    {
        "identifier": "https://mcp.example/mcp",
        "name": "Notes",
        "scopes": {
            "notes:read": {"description": "Read"},
            "notes:write": {"description": "Write", "implies": ["notes:read"]},
        },
        "default_scopes": ["notes:read"],
    }
)
LOCAL = ProtectedResource(identifier="http://localhost:9001/mcp", name="Local", scopes={})
CATALOGUE = ResourceCatalogue([NOTES, LOCAL])


@pytest.mark.invariant(1)
@pytest.mark.parametrize(
    "spelling",
    [
        "https://mcp.example/mcp",
        "https://mcp.example/mcp/",
        "https://MCP.Example/mcp",
        "HTTPS://mcp.example/mcp",
        "https://mcp.example:443/mcp",
    ],
)
def test_the_spellings_that_clients_use_mean_the_configured_resource(spelling):
    """Interop.md A8; the answer is the configured string."""
    assert CATALOGUE.find(spelling) is NOTES


@pytest.mark.parametrize(
    "spelling",
    [
        "",
        "mcp.example/mcp",
        "http://mcp.example/mcp",
        "https://mcp.example",
        "https://mcp.example/MCP",
        "https://mcp.example/mcp/x",
        "https://mcp.example/mcp?x=1",
        "https://mcp.example/mcp#x",
        "https://mcp.example:8443/mcp",
        "https://mcp.example.evil.example/mcp",
        "https://mcp.example@evil.example/mcp",
        "https://user@mcp.example/mcp",
        "https://mcp.example:99999/mcp",
        "https://[::1/mcp",
        "https://mcp\u2025example/mcp",
        "http://localhost/mcp",
        "http://127.0.0.1:9001/mcp",
    ],
)
def test_anything_else_is_not_known(spelling):
    assert CATALOGUE.find(spelling) is None


def test_several_spellings_of_one_resource_are_one_and_two_resources_are_none():
    assert CATALOGUE.find_one(["https://mcp.example/mcp", "https://mcp.example/mcp/"]) is NOTES
    assert CATALOGUE.find_one(["https://mcp.example/mcp", "http://localhost:9001/mcp"]) is None
    assert CATALOGUE.find_one(["https://mcp.example/mcp", "https://elsewhere.example"]) is None
    assert CATALOGUE.find_one([]) is None


@given(st.text() | st.from_regex(r"https?://[\w.@:\[\]/?#-]{0,30}", fullmatch=True))
def test_no_text_breaks_the_comparison_and_canonical_is_final(text):
    canonical = canonical_resource(text)
    assert canonical_resource(canonical) == canonical


def test_two_resources_that_clients_could_not_tell_apart_are_refused():
    with pytest.raises(ValueError, match="same identifier"):
        ResourceCatalogue([NOTES, NOTES.model_copy(update={"name": "Other"})])


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ((), ("notes:read",)),
        (("notes:write",), ("notes:write",)),
        (("unknown",), ("notes:read",)),
        (("unknown", "notes:write", "offline_access"), ("notes:write", "offline_access")),
        (("openid", "email"), ("notes:read", "openid", "email")),
    ],
)
def test_unknown_scopes_are_dropped_and_none_means_the_defaults(asked, granted):
    assert grantable_scopes(asked, NOTES) == granted


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"scopes": {"a b": {"description": "x"}}, "default_scopes": []}, "not a scope token"),
        ({"scopes": {"a": {"description": "x", "implies": ["b"]}}, "default_scopes": []}, "does not have"),
        ({"default_scopes": ["nothing"]}, "not one of the resource's scopes"),
        ({"identifier": "https://mcp.example"}, "needs a path"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(changes, complaint):
    with pytest.raises(ValueError, match=complaint):
        ProtectedResource.model_validate(NOTES.model_dump() | changes)
