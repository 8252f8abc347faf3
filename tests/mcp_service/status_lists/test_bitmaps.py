"""What is kept of lists that change, go back, and go away."""

import pytest

from mcp_service.status_lists.bitmaps import KEPT_SECONDS, StatusBitmaps
from mcp_service.status_lists.feed import MAX_LISTS
from mcp_service.status_lists.list_token import StatusList
from shared.jose.jws import InvalidToken


def of(uri, bits, issued_at=1000):
    return StatusList(uri, bits, issued_at, issued_at + 3600, 300)


@pytest.fixture
def lists():
    return {}


@pytest.fixture
def held(lists):
    return StatusBitmaps(lists)


@pytest.mark.invariant(12)
def test_a_list_that_goes_back_sets_no_bit_back(held, lists):
    assert held.merge(of("a", b"\x81\x01")) is True
    array = lists["a"]
    assert held.merge(of("a", b"\x01\x10")) is True
    assert held.merge(of("a", b"\x00\x00")) is False
    assert lists["a"] == b"\x81\x11"
    assert lists["a"] is array


@pytest.mark.invariant(12)
def test_a_list_that_is_named_no_longer_is_kept_until_its_last_token_has_expired(held, lists):
    held.merge(of("a", b"\x01"))
    held.keep(set(), 1000)
    held.keep(set(), 1000 + KEPT_SECONDS - 1)
    assert lists == {"a": b"\x01"}
    held.keep(set(), 1000 + KEPT_SECONDS)
    assert lists == {}


def test_a_list_that_is_named_again_is_kept(held, lists):
    held.merge(of("a", b"\x01"))
    held.keep(set(), 1000)
    held.keep({"a"}, 2000)
    held.keep(set(), 1000 + KEPT_SECONDS)
    assert "a" in lists


def test_the_number_of_lists_is_bounded_and_those_named_stay(held, lists):
    for n in range(MAX_LISTS):
        held.merge(of(f"old-{n}", b"\x01"))
    named = {f"old-{n}" for n in range(1, MAX_LISTS)} | {"new"}
    held.keep(named, 0)
    held.merge(of("new", b"\x00"))
    assert lists.keys() == named


@pytest.mark.invariant(12)
def test_the_list_that_was_issued_last_counts(held, lists):
    """A suspension may be lifted."""
    assert held.follow(of("a", b"\x03")) is True
    array = lists["a"]
    assert held.follow(of("a", b"\x01", 1001)) is False
    assert lists["a"] == b"\x01"
    assert held.follow(of("a", b"\x05", 1002)) is True
    assert lists["a"] is array


@pytest.mark.invariant(12)
def test_an_older_list_is_refused(held, lists):
    held.follow(of("a", b"\x01"))
    with pytest.raises(InvalidToken, match="1 s before"):
        held.follow(of("a", b"\x00", 999))
    assert lists["a"] == b"\x01"


@pytest.mark.invariant(12)
@pytest.mark.parametrize("pair", [(b"\x01", b"\x02"), (b"\x02", b"\x01")])
def test_of_two_lists_of_one_second_the_bits_of_both_count(held, lists, pair):
    assert [held.follow(of("a", bits)) for bits in pair] == [True, True]
    assert lists["a"] == b"\x03"


@pytest.mark.invariant(12)
def test_two_lists_of_one_second_and_of_two_lengths_are_added_entry_by_entry(held, lists):
    held.follow(of("a", b"\x01\x80"))
    held.follow(of("a", b"\x02"))
    assert lists["a"] == b"\x03\x80"


@pytest.mark.invariant(12)
def test_a_list_that_became_shorter_takes_entries_away(held):
    held.follow(of("a", b"\x00\x00"))
    assert held.follow(of("a", b"\x00", 1001)) is True


def test_a_list_that_is_dropped_is_forgotten_with_its_time(held, lists):
    held.follow(of("a", b"\x01", 2000))
    held.drop("a")
    assert lists == {}
    assert held.follow(of("a", b"\x00", 1000)) is False
