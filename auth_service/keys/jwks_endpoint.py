"""GET /.well-known/jwks.json: the published key set, and the wait for its next version.

A plain request is answered from memory. With `If-None-Match` and `Prefer: wait=N` (RFC 7240) the answer is held
until the set changes or N seconds have passed: that is how a withdrawn key leaves every verifier at once. What a
caller says that it holds is noted: that is how a rotation knows that the next key has arrived. A caller that says it
only looks, and shows no set that it holds, is not noted: there is nothing of its to wait for.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from aiohttp import web

from auth_service.keys.public_key_set import version_named
from shared.http.cors import Cors
from shared.http.prefer import wait_preference

if TYPE_CHECKING:
    from auth_service.keys.key_ring import KeyRing
    from auth_service.keys.propagation import ReplicaKeyVersion
    from auth_service.keys.propagation_tracker import PropagationTracker

REPLICA_HEADER: Final = "Sallyport-Replica"
"""With it a verifier names itself, so that a rotation can wait for it."""

ONLY_LOOKS: Final = "*look"
"""In place of a name: the caller keeps no set. No name of a verifier begins with an asterisk.

The claim can be believed (invariant 5): whoever makes it falsely is itself the one that is not waited for. A word of
our own, and not `Cache-Control: no-store`, because programs that keep keys in memory send that one by habit.
"""

PATH: Final = "/.well-known/jwks.json"

LONGEST_WAIT_SECONDS: Final = 60
MOST_WAITERS: Final = 2048
"""Each holds a connection and some 20 kB. Whoever comes on top is answered at once, and may come again."""

CORS: Final = Cors(
    methods="GET, HEAD, OPTIONS",
    allowed_headers="accept, content-type, if-none-match, prefer, traceparent, tracestate",
)


class JwksEndpoint:
    """Serves the key set of one process."""

    def __init__(self, *, key_ring: KeyRing, notes: PropagationTracker, max_age_seconds: int) -> None:
        self._key_ring = key_ring
        self._notes = notes
        self._cache_control = f"public, max-age={max_age_seconds}"
        self._waiters = 0
        self._is_stopping = False

    async def end_long_polls(self, _app: web.Application) -> None:
        """Answer every waiting request; an `on_shutdown` handler. The clients ask another replica."""
        self._is_stopping = True
        self._key_ring.wake()

    async def show(self, request: web.Request) -> web.Response:
        """Answer 200, or 304 if the caller holds the set. Raises ServiceUnavailable while no key ring is loaded."""
        if_none_match = request.headers.get("If-None-Match")
        if version_named(if_none_match) > self._key_ring.public_key_set.version:
            # Another replica has told of a change that is still on its way here: nobody is sent back to an older set.
            await self._key_ring.catch_up()
        changed = self._key_ring.changed
        key_set = self._key_ring.public_key_set
        holder = self._note(request, key_set.version_held(if_none_match))
        # A cache in between must not give to somebody unseen what it has from a caller with a name, or a mere look.
        headers = {"Cache-Control": self._cache_control, "Vary": REPLICA_HEADER}
        if if_none_match is not None and key_set.is_held_by(if_none_match):
            wait = wait_preference(request.headers.getall("Prefer", ()))
            if wait and self._waiters < MOST_WAITERS and not self._is_stopping:
                wait = min(wait, LONGEST_WAIT_SECONDS)
                headers["Preference-Applied"] = f"wait={wait}"
                await self._wait(changed, wait, holder)
                key_set = self._key_ring.public_key_set
            if key_set.is_held_by(if_none_match):
                return web.Response(status=304, headers=headers | {"ETag": key_set.etag})
        headers["ETag"] = key_set.etag
        return web.Response(body=key_set.body, content_type="application/json", headers=headers)

    def _note(self, request: web.Request, version: int) -> ReplicaKeyVersion | None:
        replica = request.headers.get(REPLICA_HEADER)
        if replica == ONLY_LOOKS and "If-None-Match" not in request.headers:
            return None
        return self._notes.holds(replica, version)

    async def _wait(self, changed: asyncio.Event, seconds: int, holder: ReplicaKeyVersion | None) -> None:
        self._waiters += 1
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await changed.wait()
        except asyncio.CancelledError:
            # The server cancels a handler when the caller's connection breaks.
            if holder is not None:
                self._notes.leaves(holder)
            raise
        finally:
            self._waiters -= 1
