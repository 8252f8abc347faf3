"""The scope grammar of RFC 6749 section 3.3, and which scope covers which."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.scopes import ScopeHierarchy, format_scope, is_scope_token, parse_scope

NAMES = st.text(st.sampled_from("abc:/"), min_size=1, max_size=4)
GRAPHS = st.dictionaries(NAMES, st.lists(NAMES, max_size=4), max_size=6)


@given(st.lists(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"\\'), min_size=1)))
def test_what_was_formatted_is_what_is_parsed(names):
    assert parse_scope(format_scope(names)) == tuple(dict.fromkeys(names))


@pytest.mark.parametrize("scope", ['"', "\\", "a\tb", "a\nb", "\u00e4", "a\u00a0b", "\x7f", "a \x00"])
def test_characters_that_the_grammar_does_not_have_are_refused(scope):
    with pytest.raises(ValueError, match="does not allow"):
        parse_scope(scope)


def test_blanks_around_and_between_are_forgiven():
    assert parse_scope("  a   b a ") == ("a", "b")
    assert parse_scope("") == ()
    assert not is_scope_token("")


@given(GRAPHS, st.lists(NAMES))
def test_a_scope_covers_itself_and_all_that_it_implies_through_cycles_too(implies, granted):
    hierarchy = ScopeHierarchy(implies)
    effective = hierarchy.effective(granted)
    assert set(granted) <= effective
    assert all(set(implies.get(scope, ())) <= effective for scope in effective)
    assert hierarchy.effective(effective) == effective
    assert hierarchy.covers(granted, effective)


@given(GRAPHS, st.lists(NAMES), st.lists(NAMES))
def test_more_granted_never_covers_less(implies, granted, more):
    hierarchy = ScopeHierarchy(implies)
    assert hierarchy.effective(granted) <= hierarchy.effective([*granted, *more])


def test_the_narrower_never_covers_the_broader():
    hierarchy = ScopeHierarchy({"write": ["read"]})
    assert hierarchy.covers(["write"], ["read"])
    assert not hierarchy.covers(["read"], ["write"])
    assert hierarchy.covers([], [])
