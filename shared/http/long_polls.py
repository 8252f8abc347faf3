"""Long polling: requests that are held until something changes, bounded in all and per network.

A client asks for it with `Prefer: wait=N` (RFC 7240).
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from shared.http.client_address import CLIENT_ADDRESS, network_of
from shared.rates import ConcurrencyLimiter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiohttp import web

REPLICA_HEADER: Final = "Sallyport-Replica"
"""Names the verifier that polls the JWKS, so that a key rotation can wait for it."""

MAX_WAIT_SECONDS: Final = 60
MAX_WAITING_REQUESTS: Final = 2048
"""Each holds a connection and about 20 kB. Requests beyond this number are answered at once."""
MAX_WAITING_PER_NETWORK: Final = 256
"""Such requests of one IPv4 address or IPv6 /48: a client that cannot wait learns of a change later."""

_WAIT: Final = re.compile(r'wait\s*=\s*(?:"(\d{1,9})"|(\d{1,9}))', re.IGNORECASE)


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
    """The seconds for which the client wants the request to be held: MAX_WAIT_SECONDS at most, 0 for not at all."""
    return min(wait_preference(request.headers.getall("Prefer", ())) or 0, MAX_WAIT_SECONDS)


def wait_preference(headers: Iterable[str]) -> int | None:
    """The seconds of `wait=N` in the Prefer headers of a request; None if no valid one is present.

    RFC 7240 section 2: the first of repeated preferences counts; unknown ones are ignored.
    """
    for header in headers:
        for preference in header.split(","):
            # Parameters of a preference follow a semicolon; `wait` has none.
            found = _WAIT.fullmatch(preference.split(";", 1)[0].strip())
            if found:
                return int(found[1] or found[2])
    return None
