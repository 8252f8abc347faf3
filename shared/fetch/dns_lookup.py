"""DNS lookups of names supplied by untrusted parties.

The resolver of the system blocks a thread until it gives up, which takes half a minute with common settings: a few
names whose servers never answer would occupy every thread of a pool. c-ares waits for all names at once on one thread,
and a lookup whose caller is cancelled occupies nothing.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

import aiodns
from aiodns.error import DNSError

if TYPE_CHECKING:
    from collections.abc import Sequence

TRY_SECONDS: Final = 1.0
TRIES: Final = 4
"""Per server of resolv.conf, each twice as long as the one before. c-ares begins with less than TRY_SECONDS at a server
that usually answers fast; all tries together take about as long as a whole fetch may, so that a slow name has its time.
"""


class DnsLookup:
    """Finds all addresses of a name: the hosts file, then the servers of resolv.conf. Construction does nothing."""

    def __init__(self, *, nameservers: Sequence[str] | None = None) -> None:
        """`nameservers` replace those of resolv.conf in tests."""
        self._nameservers = nameservers
        self._resolver: aiodns.DNSResolver | None = None

    async def __call__(self, host: str, port: int) -> list[tuple[str, int]]:
        """Return (address, port) pairs. Raises OSError."""
        if self._resolver is None:
            self._resolver = aiodns.DNSResolver(nameservers=self._nameservers, timeout=TRY_SECONDS, tries=TRIES)
        try:
            answer = await self._resolver.getaddrinfo(host, port=port, family=socket.AF_UNSPEC, type=socket.SOCK_STREAM)
        except DNSError as exc:
            raise OSError(f"{host}: {exc.args[-1]}") from exc
        return [(node.addr[0].decode("ascii"), port) for node in answer.nodes]

    async def close(self) -> None:
        """End the lookups in progress."""
        if self._resolver is not None:
            await self._resolver.close()
            self._resolver = None
