"""What is kept of lists that change, go back, and go away."""

import pytest

from mcp_service.status_lists.feed import MAX_LISTS
from mcp_service.status_lists.held import KEPT_SECONDS, HeldLists
from mcp_service.status_lists.list_token import StatusList


@pytest.fixture
def lists():
    return {}


@pytest.fixture
def held(lists):
    return HeldLists(lists)


@pytest.mark.invariant(12)
def test_a_list_that_goes_back_sets_no_bit_back(held, lists):
    assert held.merge(StatusList("a", b"\x81\x01")) is True
    array = lists["a"]
    assert held.merge(StatusList("a", b"\x01\x10")) is True
    assert held.merge(StatusList("a", b"\x00\x00")) is False
    assert lists["a"] == b"\x81\x11"
    assert lists["a"] is array


@pytest.mark.invariant(12)
def test_a_list_that_is_named_no_longer_is_kept_until_its_last_token_has_expired(held, lists):
    held.merge(StatusList("a", b"\x01"))
    held.keep(set(), 1000)
    held.keep(set(), 1000 + KEPT_SECONDS - 1)
    assert lists == {"a": b"\x01"}
    held.keep(set(), 1000 + KEPT_SECONDS)
    assert lists == {}


def test_a_list_that_is_named_again_is_kept(held, lists):
    held.merge(StatusList("a", b"\x01"))
    held.keep(set(), 1000)
    held.keep({"a"}, 2000)
    held.keep(set(), 1000 + KEPT_SECONDS)
    assert "a" in lists


def test_the_number_of_lists_is_bounded_and_those_named_stay(held, lists):
    for n in range(MAX_LISTS):
        held.merge(StatusList(f"old-{n}", b"\x01"))
    named = {f"old-{n}" for n in range(1, MAX_LISTS)} | {"new"}
    held.keep(named, 0)
    held.merge(StatusList("new", b"\x00"))
    assert lists.keys() == named
