"""Name resolution with SSRF protection: hosts that a server's documents name must be public (SECURITY.md, 10)."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from aiohttp.abc import AbstractResolver, ResolveResult

from sallyport_doctor.addresses import Reach, reach_of, split

if TYPE_CHECKING:
    from collections.abc import Iterable


class NotPublic(OSError):
    """An untrusted document names a non-public address."""


class DnsResolver:
    """Caches the answers of the system resolver, so that a name cannot change between check and connection."""

    def __init__(self) -> None:
        self._cache: dict[str, tuple[str, ...]] = {}

    async def addresses(self, host: str) -> tuple[str, ...]:
        """All addresses of a host. Raises OSError when it does not resolve."""
        if host not in self._cache:
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            self._cache[host] = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
        return self._cache[host]

    async def sockets(self, host: str, port: int) -> tuple[tuple[str, int], ...]:
        """The addresses and the port to connect to. Raises OSError when the host does not resolve."""
        return tuple((address, port) for address in await self.addresses(host))


class GuardedResolver(AbstractResolver):
    """The resolver of the HTTP client. `trusted` are the hosts that the user entered; others must be public."""

    def __init__(self, dns: DnsResolver, trusted: Iterable[str]) -> None:
        self._dns = dns
        self._trusted = frozenset(trusted)
        self.allow_private = False
        """Set when the entered URL is itself on this machine or a private network."""

    async def check(self, url: str) -> None:
        """Raise NotPublic when this URL must not be fetched, OSError when its host does not resolve.

        Called before each request, because literal addresses bypass the resolver.
        """
        host = split(url).hostname or ""
        if self.allow_private or host in self._trusted:
            return
        if reach_of(host, await self._dns.addresses(host)) is not Reach.PUBLIC:
            raise NotPublic(f"{host} is not a public address")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Implements AbstractResolver."""
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=connect_port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address, connect_port in await self._dns.sockets(host, port)
            if family in {socket.AF_UNSPEC, socket.AF_INET6 if ":" in address else socket.AF_INET}
        ]

    async def close(self) -> None:
        """Do nothing: the resolver holds no resources."""
