"""The map from operations to scopes: closed by default, and the same answer however a name is written."""

from typing import Any

import pytest
from pydantic import ValidationError

from mcp_service.guard.operation import Operation, ScopeRules
from mcp_service.guard.scope_map import TOKEN_ONLY, ScopeMap

DECLARED: dict[str, Any] = {
    "scopes": {
        "files:read": "Read files",
        "files:write": {"description": "Change files", "implies": ["files:read"]},
        "files:share": "Share files",
    },
    "default": "files:read",
    "tools": {"write": "files:write", "publish": ["files:write", "files:share"], "help": "public"},
    "resources": {
        "file://public/*": "public",
        "file://*": "files:write",
        "file://readme": "files:read",
    },
    "prompts": {"summary": "files:share"},
}


@pytest.fixture
def rules():
    return ScopeRules(ScopeMap.model_validate(DECLARED))


@pytest.fixture
def mixed():
    return ScopeRules(ScopeMap.model_validate(DECLARED), allow_anonymous=True)


def call(tool):
    return Operation("tools/call", tools=(tool,))


def read(*uris, method="resources/read"):
    return Operation(method, resources=uris)


@pytest.mark.parametrize(
    ("operation", "needed"),
    [
        (call("write"), ("files:write",)),
        (call("publish"), ("files:write", "files:share")),
        (call("unheard-of"), ("files:read",)),
        (call("Write"), ("files:read",)),
        (Operation("tools/list"), ("files:read",)),
        (Operation("resources/list"), ("files:read",)),
        (Operation("completion/complete"), ("files:read",)),
        (Operation("tools/call"), ("files:read",)),
        (Operation("no/such/method"), ("files:read",)),
        (read("file://readme"), ("files:read",)),
        (read("file://secret"), ("files:write",)),
        (read("other://x"), ("files:read",)),
        (read("file://readme", "file://secret", method="subscriptions/listen"), ("files:read", "files:write")),
        (Operation("prompts/get", prompts=("summary",)), ("files:share",)),
        (Operation("prompts/get", prompts=("other",)), ("files:read",)),
        (Operation("completion/complete", prompts=("summary",)), ("files:share",)),
        (Operation("initialize"), ()),
        (Operation("ping"), ()),
        (Operation("server/discover"), ()),
        (Operation("notifications/initialized", is_notification=True), ()),
    ],
    ids=str,
)
def test_an_operation_needs_what_the_map_says_and_else_the_default(rules, operation, needed):
    assert rules.required(operation) == needed


@pytest.mark.parametrize(
    "uri",
    [
        "file://public/../secret",
        "file://public/%2e%2e/secret",
        "file://public/..\\secret",
        "file://public/a%2Fb",
        "file://public/\n",
        "FILE://secret",
        " file://secret",
        "file:secret",
    ],
)
def test_a_uri_with_two_readings_needs_everything(mixed, uri):
    """What is behind it depends on who resolves it, so no pattern may let it pass."""
    assert mixed.required(read(uri)) == ("files:read", "files:write", "files:share")
    assert not mixed.is_public(read(uri))


def test_a_uri_whose_readings_need_the_same_needs_no_more():
    rules = ScopeRules(ScopeMap.model_validate(DECLARED | {"resources": {"http://host": "files:share"}}))
    assert rules.required(read("HTTP://other/a")) == ("files:read",)
    assert rules.required(read("note://Mixed/Case/\xe9")) == ("files:read",)
    assert rules.required(read("http://host")) == ("files:share",)
    assert rules.required(read("HTTP://host:80")) == ("files:read", "files:write", "files:share")


@pytest.mark.parametrize(
    ("granted", "required", "enough"),
    [
        (["files:write"], ["files:read"], True),
        (["files:read"], ["files:write"], False),
        (["files:write"], ["files:write", "files:share"], False),
        (["files:write", "files:share"], ["files:write", "files:share"], True),
        ([], [], True),
        ([], ["files:read"], False),
    ],
)
def test_a_broader_scope_stands_for_the_narrower(rules, granted, required, enough):
    assert rules.covers(tuple(granted), required) is enough


@pytest.mark.parametrize(
    ("operation", "public"),
    [
        (call("help"), True),
        (call("write"), False),
        (call("unheard-of"), False),
        (Operation("tools/call"), False),
        (Operation("initialize"), True),
        (Operation("server/discover"), True),
        (Operation("tools/list"), True),
        (Operation("prompts/list"), True),
        (Operation("subscriptions/listen"), False),
        (Operation("no/such"), False),
        (Operation("notifications/initialized", is_notification=True), True),
        (read("file://public/a"), True),
        (read("file://secret"), False),
        (read("file://public/a", "file://secret", method="subscriptions/listen"), False),
        (Operation("prompts/get", prompts=("summary",)), False),
    ],
    ids=str,
)
def test_with_anonymous_access_only_what_is_called_public_is(mixed, operation, public):
    assert mixed.is_public(operation) is public


def test_without_anonymous_access_nothing_is_public(rules):
    for operation in (call("help"), Operation("initialize"), Operation("tools/list"), read("file://public/a")):
        assert not rules.is_public(operation)


def test_a_server_that_declares_nothing_needs_its_one_scope_for_everything():
    rules = ScopeRules(TOKEN_ONLY, allow_anonymous=True)
    for operation in (call("anything"), read("any://thing"), Operation("no/such")):
        assert rules.required(operation) == ("mcp:tools",)
        assert not rules.is_public(operation)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"tools": {"write": "files:wirte"}}, "files:wirte"),
        ({"default": "files:all"}, "files:all"),
        ({"scopes": {"a b": "x"}, "default": [], "tools": {}, "resources": {}, "prompts": {}}, "not a scope"),
        ({"scopes": {**DECLARED["scopes"], "x": {"description": "x", "implies": ["y"]}}}, "'y'"),
        ({"scopes": {**DECLARED["scopes"], "x": ""}}, "at least 1"),
        ({"toolz": {}}, "Extra inputs"),
        ({"tools": {"write": 5}}, "tuple"),
    ],
)
def test_a_mistake_in_the_map_is_told_at_start(change, complaint):
    with pytest.raises(ValidationError, match=complaint):
        ScopeMap.model_validate(DECLARED | change)


def test_the_scopes_requested_first_are_the_default_ones_unless_the_map_names_others():
    assert ScopeMap.model_validate(DECLARED).requested_first == ("files:read",)
    named = ScopeMap.model_validate(DECLARED | {"initial": ["files:read", "files:write"]})
    assert named.requested_first == ("files:read", "files:write")
    assert ScopeRules(named).required(call("unheard-of")) == ("files:read",)


def test_the_scopes_requested_first_are_among_the_scopes():
    with pytest.raises(ValidationError, match="initial names 'files:burn'"):
        ScopeMap.model_validate(DECLARED | {"initial": "files:burn"})
