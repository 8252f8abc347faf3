"""GET /.well-known/jwks.json: the published JWKS, with long polling for its next version.

A plain request is answered from memory. With `If-None-Match` and `Prefer: wait=N` (RFC 7240) the response is held until
the JWKS changes or N seconds have passed: so a revoked key is removed from every verifier at once. The version that a
verifier reports is recorded: so a rotation learns that the pending key has propagated. A client that declares that it
does not cache, and reports no version, is not recorded.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from aiohttp import web

from auth_service.keys.public_key_set import claimed_version
from shared.http.application import Cors
from shared.http.client_address import CLIENT_ADDRESS, network_of
from shared.http.prefer import REPLICA_HEADER, wait_preference
from shared.rates import ConcurrencyLimiter

if TYPE_CHECKING:
    from auth_service.keys.key_ring import KeyRing
    from auth_service.keys.propagation import ReplicaKeyVersion
    from auth_service.keys.propagation_tracker import PropagationTracker

OBSERVER: Final = "*observer"
"""Instead of a name: the client keeps no JWKS. No verifier's name begins with an asterisk.

The claim need not be verified (invariant 5): a client that makes it falsely only loses the wait for itself. It is not
`Cache-Control: no-store`, because programs that keep keys in memory send that by default.
"""

PATH: Final = "/.well-known/jwks.json"

MAX_WAIT_SECONDS: Final = 60
MAX_WAITING_REQUESTS: Final = 2048
"""Each holds a connection and about 20 kB. Requests beyond this number are answered at once."""
MAX_WAITING_PER_NETWORK: Final = 256
"""The same for one IPv4 address or IPv6 /48: a verifier that cannot wait learns of a change later."""

CORS: Final = Cors(
    methods="GET, HEAD, OPTIONS",
    allowed_headers="accept, content-type, if-none-match, prefer, traceparent, tracestate, baggage, sentry-trace, dpop",
)


class JwksEndpoint:
    """Serves the JWKS of one process."""

    def __init__(self, *, key_ring: KeyRing, tracker: PropagationTracker, max_age_seconds: int) -> None:
        self._key_ring = key_ring
        self._tracker = tracker
        self._cache_control = f"public, max-age={max_age_seconds}"
        self._waiting = 0
        self._waiting_per_network = ConcurrencyLimiter()
        self._is_stopping = False

    async def end_long_polls(self, _app: web.Application) -> None:
        """Answer every waiting request; an `on_shutdown` handler. The clients ask another replica."""
        self._is_stopping = True
        self._key_ring.wake()

    async def show(self, request: web.Request) -> web.Response:
        """Answer 200, or 304 if the client has the current JWKS. Raises ServiceUnavailable while no ring is loaded."""
        if_none_match = request.headers.get("If-None-Match")
        if claimed_version(if_none_match) > self._key_ring.public_key_set.version:
            # Another replica may have served a later version already: never answer with an older one than it did.
            await self._key_ring.catch_up()
        changed = self._key_ring.changed
        key_set = self._key_ring.public_key_set
        reported = self._record(request, key_set.reported_version(if_none_match))
        # A cache must not serve to an unidentified client what it fetched for an identified or a non-caching one.
        headers = {"Cache-Control": self._cache_control, "Vary": REPLICA_HEADER}
        if if_none_match is not None and key_set.matches(if_none_match):
            wait = wait_preference(request.headers.getall("Prefer", ()))
            network = network_of(request.get(CLIENT_ADDRESS, ""), ipv6_prefix=48)
            if wait and self._may_wait(network):
                wait = min(wait, MAX_WAIT_SECONDS)
                headers["Preference-Applied"] = f"wait={wait}"
                try:
                    await self._wait(changed, wait, reported)
                finally:
                    self._waiting_per_network.leave(network)
                key_set = self._key_ring.public_key_set
            if key_set.matches(if_none_match):
                return web.Response(status=304, headers=headers | {"ETag": key_set.etag})
        headers["ETag"] = key_set.etag
        return web.Response(body=key_set.body, content_type="application/json", headers=headers)

    def _may_wait(self, network: str) -> bool:
        if self._is_stopping or self._waiting >= MAX_WAITING_REQUESTS:
            return False
        return self._waiting_per_network.enter(network, MAX_WAITING_PER_NETWORK)

    def _record(self, request: web.Request, version: int) -> ReplicaKeyVersion | None:
        replica = request.headers.get(REPLICA_HEADER)
        if replica == OBSERVER and "If-None-Match" not in request.headers:
            return None
        return self._tracker.record_version(replica, version)

    async def _wait(self, changed: asyncio.Event, seconds: int, reported: ReplicaKeyVersion | None) -> None:
        self._waiting += 1
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await changed.wait()
        except asyncio.CancelledError:
            # The server cancels a handler when the client's connection breaks.
            if reported is not None:
                self._tracker.record_disconnect(reported)
            raise
        finally:
            self._waiting -= 1
