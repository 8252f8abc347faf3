"""The client's address: that of the peer, or the one that trusted proxies report.

Any client can send `X-Forwarded-For`; only the part that configured proxies appended counts. It is read from the right:
the first address that is not a trusted proxy is the client.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from aiohttp import web

from shared.ip_addresses import IPAddress, IPNetwork, is_in

CLIENT_ADDRESS: Final = web.RequestKey("client_address", str)
"""Set by `context_middleware`; empty when the peer has no address (a unix socket without a proxy header)."""

CURRENT_ADDRESS: Final[ContextVar[str]] = ContextVar("client_address", default="")
"""The client's address for the task that answers the request; empty outside of a request.

For bounds deep below an endpoint whose interface knows nothing of HTTP (fetches that a client_id causes).
"""

PEER_IS_PROXY: Final = web.RequestKey("peer_is_proxy", bool)
"""Present on a request whose peer is a trusted proxy."""

MAX_HOPS: Final = 16
LONGEST_ADDRESS: Final = 80
"""Characters: an IPv6 address with zone, brackets, port and spaces around it has fewer."""


def client_address(peer: str | None, forwarded_for: Sequence[str], trusted: Sequence[IPNetwork]) -> str:
    """The client's address. `forwarded_for` holds the header's values in the order received.

    `peer` is None for a unix socket.
    """
    nearest = _parse(peer or "")
    if not is_trusted_peer(peer, trusted):
        return str(nearest or "")
    client = nearest
    hops = [hop for value in forwarded_for for hop in value.split(",")]
    for hop in reversed(hops[-MAX_HOPS:]):
        address = _parse(hop)
        if address is None:
            break  # not an address: nothing further left was written by a trusted proxy
        client = address
        if not is_in(address, trusted):
            break
    return str(client or "")


def is_trusted_peer(peer: str | None, trusted: Sequence[IPNetwork]) -> bool:
    """Whether the peer is a trusted proxy.

    None, a unix socket, is trusted if any proxy is: only a process of this machine can connect to it.
    """
    address = _parse(peer or "")
    return bool(trusted) and (address is None or is_in(address, trusted))


def network_of(address: str, *, ipv6_prefix: int = 64) -> str:
    """The unit that is counted as one client: an IPv4 address, or the /64 network of one IPv6 subscriber."""
    parsed = _parse(address)
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, ipv6_prefix), strict=False))
    return str(parsed or "")


def site_of(address: str) -> tuple[str, str]:
    """The network of one subscriber and that of its site: an IPv4 address in its /24, an IPv6 /56 in its /48.

    Providers give one subscriber up to a /56, and one site up to a /48 (RFC 6177). Without an address both are "none".
    """
    parsed = _parse(address)
    if parsed is None:
        return "none", "none"
    subscriber, site = (56, 48) if isinstance(parsed, IPv6Address) else (32, 24)
    return str(ip_network((parsed, subscriber), strict=False)), str(ip_network((parsed, site), strict=False))


def _parse(text: str) -> IPAddress | None:
    # A longer text is not an address, and would only occupy the cache.
    return _parsed(text) if len(text) <= LONGEST_ADDRESS else None


@lru_cache(4096)
def _parsed(text: str) -> IPAddress | None:
    """An address with or without port, brackets and zone; an IPv4 address mapped into IPv6 is the IPv4 address."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
