"""Delays the refusals of a rate limit.

A refusal costs nearly as much as a cheap response. A client that repeats a refused request at once then sends one
request per connection in some seconds. The delay grows with the number of delayed requests of the network; a client
slightly over its limit hardly notices it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Final

from shared.http.client_address import network_of

DELAY_SECONDS: Final = 1.0
MAX_DELAY_SECONDS: Final = 8.0
"""Below the shortest time-out of the hosted clients (ten seconds, interop.md A13), so that they see the 429."""
MAX_DELAYED: Final = 2048
"""A delayed request costs some kilobytes; beyond this number, refusals are sent at once."""


class RefusalDelay:
    """Delays refusals, with a count of those in progress per network. Make one per process."""

    def __init__(self) -> None:
        self._delayed: defaultdict[str, int] = defaultdict(int)
        self._all_delayed = 0

    async def wait(self, address: str) -> None:
        """Wait before a refusal is sent to a client with this address."""
        if self._all_delayed >= MAX_DELAYED:
            return
        network = network_of(address)
        self._all_delayed += 1
        self._delayed[network] += 1
        try:
            await asyncio.sleep(min(MAX_DELAY_SECONDS, DELAY_SECONDS * (1 + self._delayed[network] / 8)))
        finally:
            self._all_delayed -= 1
            self._delayed[network] -= 1
            if not self._delayed[network]:
                del self._delayed[network]
