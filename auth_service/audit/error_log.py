"""Records why requests were answered with an error, so that `explain REQUEST_ID` can say so (invariant 9)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from prometheus_client import Counter

from auth_service.audit.background_writer import BackgroundWriter
from auth_service.audit.error_repository import LoggedError
from auth_service.audit.events import plain
from shared.http.client_address import CLIENT_ADDRESS
from shared.http.request_middleware import LOG_FIELDS
from shared.rates import InMemoryRateLimiter, Rate

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web
    from prometheus_client import CollectorRegistry

    from auth_service.audit.error_repository import ErrorRepository
    from shared.background import TaskSupervisor
    from shared.errors import RequestRejected

_PER_ERROR_ID: Final = Rate(requests=10, seconds=1, burst=200)
"""Limits the entries of one error id, so that a flood of one cannot displace all others."""


class ErrorLog:
    """Called by the request middleware with each error; never blocks, never raises."""

    def __init__(
        self, repository: ErrorRepository, registry: CollectorRegistry, *, monotonic: Callable[[], float]
    ) -> None:
        """`monotonic` is in seconds."""
        self._errors = Counter(
            "sallyport_request_errors",
            "Requests answered with an error, by error_id.",
            ("error_id",),
            registry=registry,
        )
        self._dropped = Counter(
            "sallyport_request_errors_dropped",
            "Errors that `explain` does not know; each has its log line.",
            registry=registry,
        )
        self._writer: BackgroundWriter[LoggedError] = BackgroundWriter(repository.append, dropped=self._dropped)
        self._limiter = InMemoryRateLimiter(max_keys=1000)
        self._monotonic = monotonic

    def __call__(self, request: web.Request, error: RequestRejected, request_id: str) -> None:
        """Record one error: the callback of shared.http.request_middleware."""
        self._errors.labels(error.error_id).inc()
        if not self._limiter.hit(error.error_id, _PER_ERROR_ID, now_ms=int(self._monotonic() * 1000)).allowed:
            self._dropped.inc()
            return
        resource = request.match_info.route.resource
        self._writer.put(
            LoggedError(
                request_id=request_id,
                at_ms=str(int(time.time() * 1000)),
                error_id=error.error_id,
                reason=plain(error.reason),
                error=error.code,
                status=str(error.status),
                method=plain(request.method),
                route=resource.canonical if resource is not None else "unmatched",
                client=plain(request[LOG_FIELDS].get("client_id", "")),
                address=request.get(CLIENT_ADDRESS, ""),
            )
        )

    async def start(self, supervisor: TaskSupervisor) -> None:
        """Start writing."""
        await self._writer.start(supervisor, "error_log")

    async def stop(self) -> None:
        """Write the queued errors, for a few seconds at most."""
        await self._writer.stop()
