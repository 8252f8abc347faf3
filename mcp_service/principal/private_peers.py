"""Decides which addresses may receive the principal in plain headers (invariant 14).

A name may resolve to another address at any time: the address of the connection decides, not the configured name.
"""

from __future__ import annotations

import errno
import socket
from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Final

from aiohttp.abc import AbstractResolver, ResolveResult

from shared.ip_addresses import is_in, parse_ip_address, parse_networks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.ip_addresses import IPNetwork

LOOPBACK: Final = parse_networks(("127.0.0.0/8", "::1/128"))


class PeerRefused(OSError):
    """The server's name leads to an address that may not receive the principal. aiohttp reports it as a DNS error."""


class PrivatePeers:
    """Loopback, and the networks that the operator calls private."""

    def __init__(self, networks: Sequence[IPNetwork]) -> None:
        self._networks = (*LOOPBACK, *networks)

    def allows(self, address_text: str) -> bool:
        """Whether an IP address may receive the headers. A mapped IPv4 address counts as what it is."""
        address = parse_ip_address(address_text)
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return address is not None and is_in(address, self._networks)

    def check_peer(self, address_text: str) -> None:
        """Raise PeerRefused unless the address of an open connection may receive the headers.

        It is not for Unix sockets, whose peer has no address.
        """
        if not self.allows(address_text):
            # With a number, so that aiohttp shows the text.
            raise PeerRefused(
                errno.EACCES,
                f"{address_text} is neither loopback nor in MCP_UPSTREAM_PRIVATE, and gets no identity headers",
            )


class PrivateResolver(AbstractResolver):
    """The resolver of a TCPConnector: yields only addresses that may receive the headers.

    aiohttp does not resolve an address literal; the settings have checked it.
    """

    def __init__(self, resolver: AbstractResolver, peers: PrivatePeers) -> None:
        self._resolver = resolver
        self._peers = peers

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Resolve a name. Raises PeerRefused if any address may not: such a name is not the operator's alone."""
        found = await self._resolver.resolve(host, port, family)
        for result in found:
            self._peers.check_peer(result["host"])
        return found

    async def close(self) -> None:
        """Close the underlying resolver."""
        await self._resolver.close()
