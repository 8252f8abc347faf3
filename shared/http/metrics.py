"""Prometheus metrics: one registry per service, a closed set of labels."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"})


class RequestMetrics:
    """Counts and times requests by method, route template and status; labels are bounded by the routes there are."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._count = Counter(
            "sallyport_http_requests",
            "Requests answered.",
            ("method", "route", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "sallyport_http_request_seconds",
            "Time from request to answer.",
            ("route",),
            buckets=_BUCKETS,
            registry=registry,
        )
        # Label look-ups cost more than the count itself.
        self._count_child = lru_cache(1024)(self._count.labels)
        self._seconds_child = lru_cache(256)(self._seconds.labels)

    def observe(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Record one answered request. `status` 0 means that the caller went away."""
        self._count_child(method if method in _METHODS else "other", route, str(status)).inc()
        self._seconds_child(route).observe(seconds)


def metrics_handler(registry: CollectorRegistry) -> web.RouteDef:
    """The route GET /metrics."""

    async def show(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return web.get("/metrics", show)
