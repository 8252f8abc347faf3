"""GET /.well-known/jwks.json: the published JWKS, with long polling for its next version.

A plain request is answered from memory. With `If-None-Match` and `Prefer: wait=N` (RFC 7240) the response is held until
the JWKS changes or N seconds have passed: so a revoked key is removed from every verifier at once. The version that a
verifier reports is recorded: so a rotation learns that the pending key has propagated. A client that declares that it
does not cache, and reports no version, is not recorded.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from multidict import istr

from auth_service.keys.propagation_tracker import is_name
from auth_service.keys.public_key_set import claimed_version
from shared.errors import ServiceUnavailable
from shared.http.application import Cors
from shared.http.client_address import CLIENT_ADDRESS
from shared.http.long_polls import REPLICA_HEADER, LongPolls, wanted_wait
from shared.http.prepared_documents import Document

if TYPE_CHECKING:
    from aiohttp import web

    from auth_service.keys.key_ring import KeyRing
    from auth_service.keys.propagation import ReplicaKeyVersion
    from auth_service.keys.propagation_tracker import PropagationTracker
    from auth_service.keys.public_key_set import PublicKeySet

OBSERVER: Final = "*observer"
"""The name by which a client declares that it does not cache the JWKS. Names of verifiers begin with no asterisk.

The declaration need not be verified (invariant 5): with a false one a client only loses the wait for itself. It is not
`Cache-Control: no-store`, because programs that keep keys in memory send that by default.
"""

PATH: Final = "/.well-known/jwks.json"
_IF_NONE_MATCH: Final = istr("If-None-Match")
_PREFER: Final = istr("Prefer")
_REPLICA: Final = istr(REPLICA_HEADER)
_USER_AGENT: Final = istr("User-Agent")

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
        self._polls = LongPolls()
        self._current: tuple[PublicKeySet | None, Document, Document] = (None, Document(), Document())

    async def end_long_polls(self, _app: web.Application) -> None:
        """Answer every waiting request; an `on_shutdown` handler. The clients ask another replica."""
        self._polls.stop()
        self._key_ring.wake()

    async def show(self, request: web.Request) -> web.Response:
        """Answer 200, or 304 if the client has the current JWKS. Raises ServiceUnavailable while no ring is loaded."""
        if_none_match = request.headers.get("If-None-Match")
        if claimed_version(if_none_match) > self._key_ring.public_key_set.version:
            # Another replica may have served a later version already: never answer with an older one than it did.
            await self._key_ring.catch_up()
        changed = self._key_ring.changed
        key_set = self._key_ring.public_key_set
        reported = self._record(request, key_set.reported_version(if_none_match), request.get(CLIENT_ADDRESS, ""))
        applied = {}
        if if_none_match is not None and key_set.matches(if_none_match):
            wait = wanted_wait(request)
            if wait and await self._wait(request, changed, wait, reported):
                applied["Preference-Applied"] = f"wait={wait}"
                key_set = self._key_ring.public_key_set
        response = self._document(key_set, if_none_match).response
        response.headers.update(applied)
        return response

    def find(self, request: web.BaseRequest) -> Document | None:
        """The prepared response; None for a request that is held, or that reports a version which is not loaded yet."""
        headers = request.headers
        if _PREFER in headers:
            return None
        try:
            key_set = self._key_ring.public_key_set
        except ServiceUnavailable:
            return None
        if_none_match = headers.get(_IF_NONE_MATCH)
        if if_none_match is not None and claimed_version(if_none_match) > key_set.version:
            return None
        return self._document(key_set, if_none_match)

    def _document(self, key_set: PublicKeySet, if_none_match: str | None) -> Document:
        if key_set is not self._current[0]:
            self._current = (key_set, *self._documents_of(key_set))
        _, whole, unchanged = self._current
        return unchanged if if_none_match is not None and key_set.matches(if_none_match) else whole

    def _documents_of(self, key_set: PublicKeySet) -> tuple[Document, Document]:
        # A cache must not serve to an unidentified client what it fetched for an identified or a non-caching one.
        headers = {"Cache-Control": self._cache_control, "Vary": REPLICA_HEADER, "ETag": key_set.etag}

        def note(request: web.BaseRequest, address: str) -> None:
            if _REPLICA not in request.headers:
                self._tracker.record_unidentified(request.headers.get(_USER_AGENT, ""), address)
                return
            if_none_match = request.headers.get(_IF_NONE_MATCH)
            self._record(request, 0 if if_none_match is None else key_set.reported_version(if_none_match), address)

        whole = Document(key_set.body, {**headers, "Content-Type": "application/json"}, note=note)
        return whole, Document(headers=headers, status=304, note=note)

    def _record(self, request: web.BaseRequest, version: int, address: str) -> ReplicaKeyVersion | None:
        replica = request.headers.get(_REPLICA)
        if replica == OBSERVER and _IF_NONE_MATCH not in request.headers:
            return None
        if replica is not None and is_name(replica):
            return self._tracker.record_version(replica, version)
        self._tracker.record_unidentified(request.headers.get(_USER_AGENT, ""), address)
        return None

    async def _wait(
        self, request: web.Request, changed: asyncio.Event, seconds: int, reported: ReplicaKeyVersion | None
    ) -> bool:
        try:
            return await self._polls.wait(request, changed, seconds)
        except asyncio.CancelledError:
            # The server cancels a handler when the client's connection breaks.
            if reported is not None:
                self._tracker.record_disconnect(reported)
            raise
