"""Which addresses of a token may be fetched."""

import pytest

from mcp_service.status_lists.list_fetcher import ListAddresses

ADDRESSES = ListAddresses(["https://lists.example/tenant", "https://other.example/", "http://127.0.0.1:8000"])

GOOD = [
    "https://lists.example/tenant/1",
    "https://lists.example/tenant/a/b~c/D-4_5.6",
    "https://lists.example/tenant/.well-known/list",
    "https://lists.example/tenant/a@b:c;v=1",
    "https://other.example/status-lists/k3f",
    "http://127.0.0.1:8000/1",
]
ATTACKS = {
    "another origin": "https://evil.example/tenant/1",
    "a longer host": "https://lists.example.evil.example/tenant/1",
    "user information": "https://lists.example/tenant@evil.example/1",
    "user information before the host": "https://lists.example@evil.example/tenant/1",
    "a password": "https://a:b@lists.example/tenant/1",
    "another scheme": "http://lists.example/tenant/1",
    "another port": "https://lists.example:8443/tenant/1",
    "the port that is meant": "https://lists.example:443/tenant/1",
    "an upper-case host": "https://LISTS.example/tenant/1",
    "an upper-case scheme": "HTTPS://lists.example/tenant/1",
    "another port of an address": "http://127.0.0.1:80001/1",
    "a segment that goes on": "https://lists.example/tenant-of-another/1",
    "the prefix itself": "https://lists.example/tenant",
    "the prefix and a slash": "https://lists.example/tenant/",
    "another path": "https://lists.example/1",
    "a way up": "https://lists.example/tenant/../admin",
    "a way up at the end": "https://lists.example/tenant/a/..",
    "a segment of one dot": "https://lists.example/tenant/./1",
    "an encoded way up": "https://lists.example/tenant/%2e%2e/admin",
    "half an encoded way up": "https://lists.example/tenant/.%2E/admin",
    "an encoded slash": "https://lists.example/tenant/..%2fadmin",
    "an encoded letter": "https://lists.example/tenant/%61",
    "a backslash": "https://lists.example/tenant/..\\admin",
    "a query": "https://lists.example/tenant/1?a=b",
    "an empty query": "https://lists.example/tenant/1?",
    "a fragment": "https://lists.example/tenant/1#a",
    "an empty segment": "https://lists.example/tenant//1",
    "a final slash": "https://lists.example/tenant/1/",
    "a space": "https://lists.example/tenant/1 2",
    "a space before": " https://lists.example/tenant/1",
    "a line break": "https://lists.example/tenant/1\r\nHost: evil.example",
    "a line break at the end": "https://lists.example/tenant/1\n",
    "a tab that some parsers drop": "https://lists.example/tenant/.\t./admin",
    "a letter that is not ASCII": "https://lists.example/tenant/ä",
    "dots of full width": "https://lists.example/tenant/．．/admin",
    "no address": "tenant/1",
    "nothing": "",
}


@pytest.mark.invariant(10)
@pytest.mark.parametrize("uri", GOOD)
def test_an_address_below_a_prefix_may_be_fetched(uri):
    assert ADDRESSES.allow(uri)


@pytest.mark.invariant(10)
@pytest.mark.parametrize("uri", ATTACKS.values(), ids=ATTACKS)
def test_any_other_address_may_not(uri):
    assert not ADDRESSES.allow(uri)


@pytest.mark.invariant(10)
def test_without_prefixes_no_address_may_be_fetched():
    assert not ListAddresses([]).allow("https://lists.example/tenant/1")
