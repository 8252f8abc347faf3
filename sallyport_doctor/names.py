"""Turning host names into addresses, once, and refusing those that a stranger must not choose (invariant 10)."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from aiohttp.abc import AbstractResolver, ResolveResult

from sallyport_doctor.addresses import Reach, reach_of, split

if TYPE_CHECKING:
    from collections.abc import Iterable


class NotPublic(OSError):
    """A document of a stranger named an address that is not public."""


class Names:
    """Asks the system's resolver, and remembers: one run sees one answer per name."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, ...]] = {}

    async def addresses(self, host: str) -> tuple[str, ...]:
        """All addresses of a host. Raises OSError when there is none."""
        if host not in self._known:
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            self._known[host] = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
        return self._known[host]

    async def dial(self, host: str) -> tuple[str, ...]:
        """The addresses to connect to; the same ones, so that nothing changes between check and use."""
        return await self.addresses(host)


class GuardedResolver(AbstractResolver):
    """Gives the HTTP client addresses. `trusted` are the hosts that the person typed; all others must be public."""

    def __init__(self, names: Names, trusted: Iterable[str]) -> None:
        self._names = names
        self._trusted = frozenset(trusted)
        self.anything_goes = False
        """Set when the typed address is itself on this machine or a private network: it is the person's own."""

    async def check(self, url: str) -> None:
        """Raise NotPublic when this URL may not be fetched, OSError when its host does not resolve.

        Literal addresses never pass through a resolver: this is called before each request as well.
        """
        host = split(url).hostname or ""
        if self.anything_goes or host in self._trusted:
            return
        if reach_of(host, await self._names.addresses(host)) is not Reach.PUBLIC:
            raise NotPublic(f"{host} is not a public address")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Part of the aiohttp resolver interface."""
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in await self._names.dial(host)
            if family in {socket.AF_UNSPEC, socket.AF_INET6 if ":" in address else socket.AF_INET}
        ]

    async def close(self) -> None:
        """Nothing is held."""
