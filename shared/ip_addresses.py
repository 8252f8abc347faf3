"""IP addresses and networks: parsing, membership, and which addresses are public (invariant 10). Pure.

Public addresses are the only ones that the fetch of an untrusted URL may reach. The rule is an allow-list rather than a
deny-list: global unicast of either family. An address that embeds another one (mapped, translated, tunnelled) is public
if the embedded one is, or is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_NAT64: Final = IPv6Network("64:ff9b::/96")

# Ranges that `is_global` accepts in some Python version, or that route to another address than they show.
_REFUSED_V4: Final = tuple(
    IPv4Network(text)
    for text in (
        "192.0.0.0/24",  # protocol assignments (RFC 6890)
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
        "192.31.196.0/24",  # AS112 (RFC 7535)
        "192.52.193.0/24",  # automatic multicast tunnelling (RFC 7450)
        "192.175.48.0/24",  # AS112 (RFC 7534)
        "168.63.129.16/32",  # a cloud platform's host services, public by number only
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved
    )
)
_REFUSED_V6: Final = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, Teredo and ORCHID among them (RFC 2928, RFC 4380)
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: carries an IPv4 address (RFC 3056)
        "2620:4f:8000::/48",  # AS112 (RFC 7534)
        "3ffe::/16",  # the former 6bone
        "3fff::/20",  # documentation (RFC 9637)
    )
)
_ISATAP: Final = frozenset({0x00005EFE, 0x02005EFE})


def parse_networks(values: Iterable[str]) -> tuple[IPNetwork, ...]:
    """Parse the values of a setting. Raises ValueError for anything else, host bits included."""
    return tuple(ip_network(value.strip()) for value in values)


def parse_proxies(values: Iterable[str]) -> tuple[IPNetwork, ...]:
    """Parse the addresses of trusted proxies. Raises ValueError, also for a public network too wide for one operator.

    With such a network any client could choose the address by which it is counted.
    """
    networks = parse_networks(values)
    for network in networks:
        least = _LARGEST_PROXY_NETWORK[network.version]
        if network.prefixlen < least and not (
            is_in(network.network_address, PRIVATE_NETWORKS) and is_in(network.broadcast_address, PRIVATE_NETWORKS)
        ):
            raise ValueError(f"{network} has too many addresses for a proxy: anyone could set X-Forwarded-For")
    return networks


def is_in(address: IPAddress, networks: Sequence[IPNetwork]) -> bool:
    """Whether the address is in one of the networks."""
    return any(address.version == network.version and address in network for network in networks)


PRIVATE_NETWORKS: Final = parse_networks(
    ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)
"""Loopback and private: a tunnel, or a proxy without X-Forwarded-For, may hide many clients behind such an address."""


_LARGEST_PROXY_NETWORK: Final = {4: 8, 6: 16}
"""Prefix lengths of the largest public networks that trusted proxies may be in."""


def is_shared(address_text: str, configured: Sequence[IPNetwork]) -> bool:
    """Whether many clients may be behind the address: configured, loopback, private or a unix socket (empty)."""
    address = parse_ip_address(address_text)
    if address is None:
        return not address_text  # a unix socket: a proxy on this machine
    return is_in(address, PRIVATE_NETWORKS) or is_in(address, configured)


def is_public(address: IPAddress) -> bool:
    """Whether the address is on the public internet, in every notation and embedding."""
    if isinstance(address, IPv6Address):
        return _is_public_v6(address)
    return address.is_global and not address.is_multicast and not any(address in net for net in _REFUSED_V4)


def parse_ip_address(text: str) -> IPAddress | None:
    """An address in the canonical notation; None for a name, a zone (`%eth0`) or another notation (`127.1`)."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return None if isinstance(address, IPv6Address) and address.scope_id is not None else address


def _is_public_v6(address: IPv6Address) -> bool:
    if address.scope_id is not None:
        return False
    if address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    if address in _NAT64:
        # A network with DNS64 reaches every IPv4 host this way (RFC 6052).
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    if (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        return False
    return address in _GLOBAL_UNICAST and address.is_global and not any(address in net for net in _REFUSED_V6)
