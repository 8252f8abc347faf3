"""The guard in front of every endpoint: bounds what one network costs this process.

Refusing costs nearly as much as a cheap answer, so a caller beyond the limit is also held for a moment first: a
client that asks again as soon as it is answered then asks once a second per connection, and others keep the processor.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aiohttp import web

from auth_service.errors import TooManyRequests
from shared.http.client_address import CLIENT_ADDRESS

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

    from auth_service.limits.limits import Limits

HOLD_SECONDS: Final = 1.0
MAX_HELD: Final = 2048
"""Held requests cost some kilobytes each; beyond this many, refusals are answered at once."""

_UNLIMITED: Final = frozenset({"/livez", "/readyz", "/metrics"})


def guard(limits: Limits) -> Middleware:
    """Make the middleware; it stands inside the envelope, so that its refusals are rendered and logged."""
    held = 0

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        nonlocal held
        if request.path in _UNLIMITED:
            return await handler(request)
        address = request[CLIENT_ADDRESS]
        try:
            decision = limits.request(address)
        except TooManyRequests:
            if held < MAX_HELD:
                held += 1
                try:
                    await asyncio.sleep(HOLD_SECONDS)
                finally:
                    held -= 1
            raise
        response = await handler(request)
        if decision is not None and not response.prepared:
            response.headers.update(limits.fields(address, decision))
        return response

    return check
