"""A filtered list: what the token could also call, what is public for the others, and nothing by mistake."""

import pytest

from mcp_service.guard.list_filter import LIST_METHODS, UnreadableList, filter_list
from mcp_service.guard.operation import ScopeRules
from mcp_service.guard.scope_map import ScopeMap

MAP = ScopeMap.model_validate(
    {
        "scopes": {"n:read": "Read", "n:write": {"description": "Write", "implies": ["n:read"]}},
        "default": "n:read",
        "tools": {"delete_*": "n:write", "help": "public"},
        "prompts": {"purge": "n:write"},
        "resources": {"note://*": "n:read", "note://secret/*": "n:write", "note://about": "public"},
    }
)
RULES = ScopeRules(MAP, allow_anonymous=True)
TOOLS = {"tools": [{"name": "help"}, {"name": "look"}, {"name": "delete_note"}], "nextCursor": "2", "_meta": {"a": 1}}


def names(method, result, granted, rules=RULES):
    (entries,) = (v for k, v in filter_list(method, result, rules, granted).items() if isinstance(v, list))
    return [entry.get("name") or entry.get("uri") or entry.get("uriTemplate") for entry in entries]


@pytest.mark.parametrize(
    ("granted", "shown"),
    [
        (None, ["help"]),
        ((), ["help"]),
        (("n:read",), ["help", "look"]),
        (("n:write",), ["help", "look", "delete_note"]),
        (("other",), ["help"]),
    ],
)
def test_tools_are_listed_as_far_as_the_token_covers_them(granted, shown):
    assert names("tools/list", TOOLS, granted) == shown


def test_without_anonymous_access_nothing_is_public():
    assert names("tools/list", TOOLS, None, ScopeRules(MAP)) == []


@pytest.mark.parametrize(
    ("method", "result", "readers", "anonymous"),
    [
        ("prompts/list", {"prompts": [{"name": "sum"}, {"name": "purge"}]}, ["sum"], []),
        (
            "resources/list",
            {"resources": [{"uri": "note://1"}, {"uri": "note://secret/1"}, {"uri": "note://about"}]},
            ["note://1", "note://about"],
            ["note://about"],
        ),
        (
            "resources/templates/list",
            {"resourceTemplates": [{"uriTemplate": "note://{id}"}, {"uriTemplate": "note://secret/{id}"}]},
            ["note://{id}"],
            [],
        ),
    ],
)
def test_prompts_resources_and_templates_are_filtered_alike(method, result, readers, anonymous):
    assert names(method, result, ("n:read",)) == readers
    assert names(method, result, None) == anonymous


def test_the_rest_of_the_result_stays_and_it_is_private_to_the_token():
    """A cache that serves several users must not show one the list of another (MCP 2026-07-28, caching)."""
    filtered = filter_list("tools/list", {**TOOLS, "ttlMs": 5, "cacheScope": "public"}, RULES, ("n:read",))
    assert {k: v for k, v in filtered.items() if k != "tools"} == {
        "nextCursor": "2",
        "_meta": {"a": 1},
        "ttlMs": 5,
        "cacheScope": "private",
    }


def test_an_entry_without_a_name_is_left_out():
    assert names("tools/list", {"tools": [{}, {"name": 5}, {"name": "look"}]}, ("n:write",)) == ["look"]


@pytest.mark.parametrize("entries", [None, {}, "look", ["look"], [{"name": "look"}, None]])
def test_what_is_no_list_is_refused(entries):
    with pytest.raises(UnreadableList):
        filter_list("tools/list", {"tools": entries}, RULES, ("n:write",))


def test_other_results_are_left_alone():
    result = {"tools": [{"name": "delete_note"}]}
    assert filter_list("tools/call", result, RULES, None) is result
    assert filter_list("tools/list", {"resultType": "input_required"}, RULES, None) == {"resultType": "input_required"}
    assert len(LIST_METHODS) == 4
