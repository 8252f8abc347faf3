"""Patterns for tools and prompts: one answer for each name, whatever the order of the map; closed without a match."""

import fnmatch
import itertools
import random
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from mcp_service.guard.name_patterns import matches, overlap, specificity
from mcp_service.guard.operation import Operation, ScopeRules
from mcp_service.guard.scope_map import ScopeMap

SCOPES = {"n:read": "Read", "n:write": "Write", "n:admin": "Administer"}
PATTERNS = st.text("ab*", max_size=6)
NAMES = st.text("ab", max_size=8)
MAPS = st.dictionaries(PATTERNS, st.sampled_from(["n:write", "n:admin"]), max_size=6)


def declared(tools=None, **more):
    return ScopeMap.model_validate({"scopes": SCOPES, "default": "n:read", "tools": tools or {}, **more})


def needed(tools, name):
    return ScopeRules(declared(tools)).tool(name)


@pytest.mark.parametrize(
    ("name", "scope"),
    [
        ("delete_note", "n:write"),
        ("delete_", "n:write"),
        ("delete_all_notes", "n:admin"),
        ("delete_draft", "n:read"),
        ("undelete_note", "n:read"),
        ("Delete_note", "n:read"),
        ("delete_everything", "n:admin"),
        ("get_secret_key", "n:admin"),
        ("get__key", "n:read"),
    ],
)
def test_an_exact_name_beats_a_pattern_and_the_pattern_that_fixes_most_beats_the_others(name, scope):
    tools = {
        "delete_*": "n:write",
        "delete_all_*": "n:admin",
        "*_everything": "n:admin",
        "delete_draft": "n:read",
        "get_*secret*_key": "n:admin",
    }
    assert needed(tools, name) == (scope,)


def test_prompts_have_patterns_too():
    rules = ScopeRules(declared(prompts={"admin_*": "n:admin"}))
    assert rules.required(Operation("prompts/get", prompts=("admin_report",))) == ("n:admin",)
    assert rules.required(Operation("completion/complete", prompts=("report",))) == ("n:read",)


def test_a_pattern_can_be_public():
    rules = ScopeRules(declared({"help_*": "public"}), allow_anonymous=True)
    assert rules.is_public_tool("help_me")
    assert not rules.is_public_tool("whelp_me")


@pytest.mark.parametrize("kind", ["tools", "prompts"])
def test_patterns_between_which_nothing_decides_are_refused_at_start(kind):
    with pytest.raises(ValidationError, match=r"'a_\*' and '\*_b' match a common name"):
        declared(**{kind: {"a_*": "n:write", "*_b": "n:admin"}})
    declared(**{kind: {"a_*": "n:write", "*_b": "n:write"}})
    declared(**{kind: {"a_*": "n:write", "b_*": "n:admin"}})


@given(tools=MAPS, name=NAMES, shuffle=st.randoms())
@example(tools={"a*": "n:write", "*ab": "n:admin"}, name="aab", shuffle=random.Random(1))
def test_every_name_has_one_answer_whatever_the_order_of_the_map(tools, name, shuffle):
    """And a name that neither a key nor a pattern names needs the default."""
    try:
        answer = needed(tools, name)
    except ValidationError as exc:
        assert "match a common name" in str(exc)  # noqa: PT017 - the only reason to refuse such a map
        return
    order = list(tools.items())
    shuffle.shuffle(order)
    assert needed(dict(order), name) == answer
    found = [key for key in tools if re.fullmatch(key.replace("*", ".*"), name)]
    if not found:
        assert answer == ("n:read",)
    elif name in tools:
        assert answer == (tools[name],)
    else:
        most = max(map(specificity, found))
        assert {(tools[key],) for key in found if specificity(key) == most} == {answer}


@given(PATTERNS, NAMES)
def test_a_pattern_matches_what_a_glob_of_stars_matches(pattern, name):
    assert matches(pattern, name) is fnmatch.fnmatchcase(name, pattern)


@given(st.text("ab*", max_size=4), st.text("ab*", max_size=4))
def test_patterns_overlap_if_some_name_matches_both(one, other):
    names = ("".join(letters) for size in range(9) for letters in itertools.product("ab", repeat=size))
    assert overlap(one, other) is any(matches(one, name) and matches(other, name) for name in names)


def test_a_long_name_against_many_stars_takes_no_time():
    """A backtracking match of this takes longer than any test."""
    assert not matches("*a" * 30 + "*b", "a" * 100_000)
    assert not overlap("*a" * 400 + "b", "*a" * 400 + "c")
