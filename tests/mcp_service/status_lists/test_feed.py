"""The form of the feed's answer, and the address that it is fetched from."""

import json

import pytest

from mcp_service.issuer.metadata import BadMetadata
from mcp_service.status_lists.discovery import feed_address_of
from mcp_service.status_lists.feed import MAX_CURSOR_CHARACTERS, MAX_LISTS, InvalidFeed, parse_feed

ISSUER = "https://auth.example"
PREFIX = f"{ISSUER}/status-lists/"
GOOD = {"status_lists": [f"{PREFIX}a"], "changed": ["x.y.z"], "known": "c"}


def parsed(**changes):
    whole = GOOD | changes
    return parse_feed(json.dumps({k: v for k, v in whole.items() if v is not None}).encode(), prefix=PREFIX)


@pytest.mark.invariant(11)
def test_an_answer_is_read_and_what_a_later_issuer_adds_is_passed_over():
    assert parsed(more={}) == ({f"{PREFIX}a"}, ("x.y.z",), "c")


@pytest.mark.invariant(12)
@pytest.mark.parametrize("uri", ["https://evil.example/status-lists/a", f"{ISSUER}/status-lists", f"{ISSUER}/other/a"])
def test_lists_of_others_are_passed_over(uri):
    assert parsed(status_lists=[uri, f"{PREFIX}a"]).uris == {f"{PREFIX}a"}


@pytest.mark.parametrize(
    "changes",
    [
        {"status_lists": None},
        {"status_lists": "a"},
        {"status_lists": [5]},
        {"status_lists": [f"{PREFIX}{n}" for n in range(MAX_LISTS + 1)]},
        {"changed": None},
        {"changed": [{}]},
        {"known": None},
        {"known": ""},
        {"known": 5},
        {"known": "c" * (MAX_CURSOR_CHARACTERS + 1)},
    ],
)
def test_any_other_answer_is_refused(changes):
    with pytest.raises(InvalidFeed):
        parsed(**changes)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"known": "a", "known": "b"}', b"\xff"])
def test_what_is_no_object_of_strict_json_is_refused(body):
    with pytest.raises(InvalidFeed):
        parse_feed(body, prefix=PREFIX)


def test_the_address_is_below_the_issuer():
    address = f"{ISSUER}/status-lists"
    assert feed_address_of({"status_list_aggregation_endpoint": address}, issuer=ISSUER) == address


@pytest.mark.invariant(12)
@pytest.mark.parametrize(
    "document",
    [
        {},
        {"status_list_aggregation_endpoint": None},
        {"status_list_aggregation_endpoint": "https://evil.example/status-lists"},
        {"status_list_aggregation_endpoint": f"{ISSUER}.evil.example/status-lists"},
        {"status_list_aggregation_endpoint": "http://auth.example/status-lists"},
    ],
)
def test_no_address_elsewhere_is_followed(document):
    assert feed_address_of(document, issuer=ISSUER) is None


@pytest.mark.parametrize("address", [5, ["a"], f"{ISSUER}/status-lists?known=a", f"{ISSUER}/status-lists#a"])
def test_an_address_that_is_none_is_not_believed(address):
    with pytest.raises(BadMetadata):
        feed_address_of({"status_list_aggregation_endpoint": address}, issuer=ISSUER)
