"""The difference of two declarations of scopes: exact, in words, and none where only the texts differ."""

import pytest

from shared.scope_difference import (
    RESOURCE_SCOPES,
    ScopeDifference,
    compare_scopes,
    published_scopes,
    unverified_published_scopes,
)

NOTES = {"n:read": (), "n:write": ("n:read",)}


def test_equal_declarations_do_not_differ():
    assert not compare_scopes(resource=NOTES, issuer={"n:write": ["n:read"], "n:read": []})


@pytest.mark.parametrize(
    ("issuer", "difference", "said"),
    [
        ({"n:read": ()}, ScopeDifference(unknown_to_issuer=("n:write",)), "requires n:write, which the authorization"),
        ({**NOTES, "old": ()}, ScopeDifference(unknown_to_resource=("old",)), "grants old, which the resource does"),
        ({"n:read": (), "n:write": ()}, ScopeDifference(implied_differently=("n:write",)), "n:write implies other"),
    ],
)
def test_each_difference_is_named(issuer, difference, said):
    found = compare_scopes(resource=NOTES, issuer=issuer)
    assert found == difference
    assert said in " ".join(found.sentences())


def test_a_scope_that_is_implied_by_a_detour_is_no_difference():
    direct = {"a": ["b", "c"], "b": ["c"], "c": []}
    assert not compare_scopes(resource=direct, issuer={"a": ["b"], "b": ["c"], "c": []})


def test_what_is_published_is_read_back():
    assert unverified_published_scopes({RESOURCE_SCOPES: published_scopes(NOTES)}) == {
        "n:read": [],
        "n:write": ["n:read"],
    }


def test_many_scopes_are_named_in_a_bounded_sentence():
    names = [f"{n}".ljust(500, "x") for n in range(90)]
    (said,) = compare_scopes(resource=dict.fromkeys(names, ()), issuer={}).sentences()
    assert "and 70 more" in said
    assert len(said) < 1500


@pytest.mark.parametrize(
    "value",
    [
        {"\x1b[2J": []},
        {"n:read": ["a b"]},
        {str(n): [] for n in range(101)},
        {"a": [str(n) for n in range(101)]},
    ],
)
def test_what_is_no_scope_or_too_much_is_not_compared(value):
    """A resource server that is taken over reaches neither the terminal nor the event loop of the other service."""
    assert unverified_published_scopes({RESOURCE_SCOPES: value}) is None


@pytest.mark.parametrize("value", [None, [], "n:read", {"n:read": "x"}, {"n:read": [5]}, {"n:read": {"implies": []}}])
def test_a_malformed_member_is_none(value):
    assert unverified_published_scopes({RESOURCE_SCOPES: value}) is None
