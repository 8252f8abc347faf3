"""Whose request this is: the peer, or what trusted proxies say about it.

`X-Forwarded-For` is written by anybody; it counts only as far as it was appended by proxies that the configuration
names. Read from the right: the first address that is not a trusted proxy is the client.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Final

from aiohttp import web

from shared.ip_addresses import IPAddress, IPNetwork, is_in

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

CLIENT_ADDRESS: Final = web.RequestKey("client_address", str)
"""Set by `client_address_middleware`; empty when the peer has no address (a unix socket without a proxy header)."""

MAX_HOPS: Final = 16
LONGEST_ADDRESS: Final = 80
"""Characters: an IPv6 address with zone, brackets, port and spaces around it has fewer."""


def client_address(peer: str | None, forwarded_for: Sequence[str], trusted: Sequence[IPNetwork]) -> str:
    """The client's address. `forwarded_for` are the header's values in the order received.

    `peer` is None for a unix socket: only a process of this machine reaches that, so it is trusted when any proxy is.
    """
    nearest = _parse(peer or "")
    if not trusted or (nearest is not None and not is_in(nearest, trusted)):
        return str(nearest or "")
    client = nearest
    hops = [hop for value in forwarded_for for hop in value.split(",")]
    for hop in reversed(hops[-MAX_HOPS:]):
        address = _parse(hop)
        if address is None:
            break  # not an address: whatever stands further left was not written by a proxy of ours
        client = address
        if not is_in(address, trusted):
            break
    return str(client or "")


def network_of(address: str) -> str:
    """Who counts as one: an IPv4 address, or the /64 that one IPv6 subscriber has."""
    parsed = _parse(address)
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, 64), strict=False))
    return str(parsed or "")


def client_address_middleware(trusted: Sequence[IPNetwork]) -> Middleware:
    """Put the client's address into `request[CLIENT_ADDRESS]`."""

    @lru_cache(4096)
    def address_of_peer(peer: str | None) -> str:
        return client_address(peer, (), trusted)

    @web.middleware
    async def find(request: web.Request, handler: Handler) -> web.StreamResponse:
        peer = request.transport.get_extra_info("peername") if request.transport is not None else None
        host = peer[0] if isinstance(peer, tuple) else None
        forwarded_for = request.headers.getall("X-Forwarded-For", ())
        request[CLIENT_ADDRESS] = (
            client_address(host, forwarded_for, trusted) if forwarded_for else address_of_peer(host)
        )
        return await handler(request)

    return find


def _parse(text: str) -> IPAddress | None:
    # What is longer is no address, and would fill the memory of those that are.
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
