"""The middleware that limits the requests of one network to this process.

A refusal costs nearly as much as a cheap answer, so a refused request is also delayed: a client that retries as soon
as it is answered then sends one request per connection in some seconds. The delay grows with the number of delayed
requests of the network; a client slightly over the limit hardly notices it.
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

DELAY_SECONDS: Final = 1.0
MAX_DELAY_SECONDS: Final = 8.0
"""Below the shortest time-out of the hosted clients (ten seconds, interop.md A13), so that they see the 429."""
MAX_DELAYED: Final = 2048
"""A delayed request costs some kilobytes; beyond this number, refusals are sent at once."""

_UNLIMITED: Final = frozenset({"/livez", "/readyz", "/metrics"})


def rate_limit_middleware(limits: RateLimits) -> Middleware:
    """Make the middleware; inside the request middleware, so that its refusals are rendered and logged."""
    delayed: Counter[str] = Counter()
    all_delayed = 0

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        nonlocal all_delayed
        if request.path in _UNLIMITED:
            return await handler(request)
        address = request[CLIENT_ADDRESS]
        try:
            decision = limits.check_request(address)
        except TooManyRequests:
            network = network_of(address)
            if all_delayed < MAX_DELAYED:
                all_delayed += 1
                delayed[network] += 1
                try:
                    await asyncio.sleep(min(MAX_DELAY_SECONDS, DELAY_SECONDS * (1 + delayed[network] / 8)))
                finally:
                    all_delayed -= 1
                    delayed[network] -= 1
                    if not delayed[network]:
                        del delayed[network]
            raise
        response = await handler(request)
        if decision is not None and not response.prepared:
            response.headers.update(limits.headers(address, decision))
        return response

    return check
