"""The guard in front of every endpoint: bounds what one network costs this process.

Refusing costs nearly as much as a cheap answer, so a caller beyond the limit is also held for a moment first: a
client that asks again as soon as it is answered then asks once in some seconds per connection, and others keep the
processor. The more requests of one network are held, the longer the next: one over the limit hardly notices.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Final

from aiohttp import web

from auth_service.protocol.errors import TooManyRequests
from shared.http.client_address import CLIENT_ADDRESS, network_of

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

    from auth_service.rate_limits.limits import RateLimits

HOLD_SECONDS: Final = 1.0
MAX_HOLD_SECONDS: Final = 8.0
"""Below the shortest time-out of the hosted clients (ten seconds, interop.md A13), so that they see the 429."""
MAX_HELD: Final = 2048
"""Held requests cost some kilobytes each; beyond this many, refusals are answered at once."""

_UNLIMITED: Final = frozenset({"/livez", "/readyz", "/metrics"})


def guard(limits: RateLimits) -> Middleware:
    """Make the middleware; it stands inside the envelope, so that its refusals are rendered and logged."""
    held: Counter[str] = Counter()
    all_held = 0

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        nonlocal all_held
        if request.path in _UNLIMITED:
            return await handler(request)
        address = request[CLIENT_ADDRESS]
        try:
            decision = limits.request(address)
        except TooManyRequests:
            network = network_of(address)
            if all_held < MAX_HELD:
                all_held += 1
                held[network] += 1
                try:
                    await asyncio.sleep(min(MAX_HOLD_SECONDS, HOLD_SECONDS * (1 + held[network] / 8)))
                finally:
                    all_held -= 1
                    held[network] -= 1
                    if not held[network]:
                        del held[network]
            raise
        response = await handler(request)
        if decision is not None and not response.prepared:
            response.headers.update(limits.fields(address, decision))
        return response

    return check
