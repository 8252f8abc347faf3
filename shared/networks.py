"""IP addresses and networks in settings. Pure and without a web framework, because commands read settings too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network


def parse_networks(values: Iterable[str]) -> tuple[IPNetwork, ...]:
    """Parse the values of a setting. Raises ValueError for anything else, host bits included."""
    return tuple(ip_network(value.strip()) for value in values)


def is_in(address: IPAddress, networks: Sequence[IPNetwork]) -> bool:
    """Whether the address is in one of the networks."""
    return any(address.version == network.version and address in network for network in networks)
