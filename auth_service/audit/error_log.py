"""Keeps why requests were refused, so that `explain REF` can tell the operator (invariant 9)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from prometheus_client import Counter

from auth_service.audit.background import BackgroundWriter
from auth_service.audit.error_repository import Refused
from auth_service.audit.events import plain
from shared.http.client_address import CLIENT_ADDRESS
from shared.http.request_middleware import LOG_FIELDS
from shared.rates.gcra import Rate
from shared.rates.local_buckets import LocalBuckets

if TYPE_CHECKING:
    from aiohttp import web
    from prometheus_client import CollectorRegistry

    from auth_service.audit.error_repository import ErrorRepository
    from shared.background import TaskSupervisor
    from shared.errors import RequestRejected

_PER_CHECK: Final = Rate(requests=10, seconds=1, burst=200)
"""A flood that fails one check cannot push every other refusal out; each request still has its log line."""


class ErrorLog:
    """Told of each refusal by the envelope; never blocks, never raises."""

    def __init__(self, storage: ErrorRepository, registry: CollectorRegistry) -> None:
        self._refusals = Counter(
            "sallyport_refusals", "Requests refused, by error_id.", ("error_id",), registry=registry
        )
        dropped = Counter(
            "sallyport_refusals_dropped", "Refusals that `explain` will not know; the log does.", registry=registry
        )
        self._dropped = dropped
        self._writer: BackgroundWriter[Refused] = BackgroundWriter(storage.append, dropped=dropped)
        self._pace = LocalBuckets(max_keys=1000)

    def __call__(self, request: web.Request, refusal: RequestRejected, request_id: str) -> None:
        """Note one refusal (shared.http.request_middleware.OnRefusal)."""
        self._refusals.labels(refusal.error_id).inc()
        now_ms = int(time.time() * 1000)
        if not self._pace.take(refusal.error_id, _PER_CHECK, now_ms=now_ms).allowed:
            self._dropped.inc()
            return
        resource = request.match_info.route.resource
        self._writer.put(
            Refused(
                request_id=request_id,
                at_ms=str(now_ms),
                error_id=refusal.error_id,
                reason=plain(refusal.reason),
                error=refusal.code,
                status=str(refusal.status),
                method=plain(request.method),
                route=resource.canonical if resource is not None else "unmatched",
                client=plain(request[LOG_FIELDS].get("client_id", "")),
                address=request.get(CLIENT_ADDRESS, ""),
            )
        )

    async def start(self, supervisor: TaskSupervisor) -> None:
        """Begin to write."""
        await self._writer.start(supervisor, "error_log")

    async def stop(self) -> None:
        """Write what is left, for a few seconds at most."""
        await self._writer.stop()
