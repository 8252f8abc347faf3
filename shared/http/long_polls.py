"""Requests that are held until something changes: `Prefer: wait=N` (RFC 7240), bounded in all and per network."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from shared.http.client_address import CLIENT_ADDRESS, network_of
from shared.http.prefer import wait_preference
from shared.rates import ConcurrencyLimiter

if TYPE_CHECKING:
    from aiohttp import web

MAX_WAIT_SECONDS: Final = 60
MAX_WAITING_REQUESTS: Final = 2048
"""Each holds a connection and about 20 kB. Requests beyond this number are answered at once."""
MAX_WAITING_PER_NETWORK: Final = 256
"""The same for one IPv4 address or IPv6 /48: a client that cannot wait learns of a change later."""


class LongPolls:
    """The requests of one endpoint that are being held."""

    def __init__(self) -> None:
        self.waiting = 0
        self._per_network = ConcurrencyLimiter()
        self._is_stopping = False

    def stop(self) -> None:
        """Hold no further request. The caller wakes those that are held."""
        self._is_stopping = True

    async def wait(self, request: web.Request, changed: asyncio.Event, seconds: int) -> bool:
        """Wait for the event or that many seconds; False, at once, if the request must not be held."""
        network = network_of(request.get(CLIENT_ADDRESS, ""), ipv6_prefix=48)
        if self._is_stopping or self.waiting >= MAX_WAITING_REQUESTS:
            return False
        if not self._per_network.enter(network, MAX_WAITING_PER_NETWORK):
            return False
        self.waiting += 1
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await changed.wait()
        finally:
            self.waiting -= 1
            self._per_network.leave(network)
        return True


def wanted_wait(request: web.Request) -> int:
    """For how many seconds the client wants the request to be held, MAX_WAIT_SECONDS at most; 0 for not at all."""
    return min(wait_preference(request.headers.getall("Prefer", ())) or 0, MAX_WAIT_SECONDS)
