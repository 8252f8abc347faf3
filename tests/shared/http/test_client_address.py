"""The client address of a request, behind proxies and without."""

import pytest

from shared.http.client_address import client_address, network_of
from shared.ip_addresses import parse_networks

PROXIES = parse_networks(["10.0.0.0/8", "2001:db8:1::/48"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "expected"),
    [
        ("192.0.2.1", [], (), "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.7"], (), "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.7"], PROXIES, "192.0.2.1"),
        ("10.1.1.1", ["198.51.100.7"], PROXIES, "198.51.100.7"),
        ("10.1.1.1", [], PROXIES, "10.1.1.1"),
        ("10.1.1.1", ["6.6.6.6, 198.51.100.7"], PROXIES, "198.51.100.7"),
        ("10.1.1.1", ["6.6.6.6", "198.51.100.7"], PROXIES, "198.51.100.7"),
        ("10.1.1.1", ["198.51.100.7, 10.2.2.2"], PROXIES, "198.51.100.7"),
        ("10.1.1.1", ["6.6.6.6, 198.51.100.7, 10.2.2.2, 10.3.3.3"], PROXIES, "198.51.100.7"),
        ("10.1.1.1", ["10.2.2.2, 10.3.3.3"], PROXIES, "10.2.2.2"),
        ("10.1.1.1", ["6.6.6.6, nonsense, 10.2.2.2"], PROXIES, "10.2.2.2"),
        ("10.1.1.1", ["nonsense"], PROXIES, "10.1.1.1"),
        ("10.1.1.1", ["198.51.100.7:4711"], PROXIES, "198.51.100.7"),
        ("10.1.1.1", ["[2001:db8:2::1]:443"], PROXIES, "2001:db8:2::1"),
        ("2001:db8:1::5", ["2001:db8:2::1"], PROXIES, "2001:db8:2::1"),
        ("::ffff:10.1.1.1", ["198.51.100.7"], PROXIES, "198.51.100.7"),
        ("::ffff:192.0.2.1", [], (), "192.0.2.1"),
        (None, ["198.51.100.7"], PROXIES, "198.51.100.7"),
        (None, ["198.51.100.7"], (), ""),
    ],
)
def test_only_trusted_proxies_are_believed(peer, forwarded, trusted, expected):
    assert client_address(peer, forwarded, trusted) == expected


def test_a_very_long_header_is_not_walked_through():
    assert client_address("10.1.1.1", ["10.9.9.9," * 10_000 + "10.2.2.2"], PROXIES) == "10.9.9.9"


def test_one_ipv6_subscriber_counts_as_one():
    assert network_of("2001:db8:2:3:4:5:6:7") == network_of("2001:db8:2:3::1") == "2001:db8:2:3::/64"
    assert network_of("192.0.2.1") == "192.0.2.1"
    assert network_of("") == ""


def test_a_network_with_host_bits_is_a_mistake_that_is_told():
    with pytest.raises(ValueError, match="host bits"):
        parse_networks(["10.0.0.1/8"])
