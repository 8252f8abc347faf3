"""The metrics of a server over HTTP."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

if TYPE_CHECKING:
    from collections.abc import Callable

_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class UpstreamMetrics:
    """Counts requests by outcome, times answers, and shows what is in progress and whether the server is there."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "sallyport_upstream_requests",
            "Requests for the MCP server: answered, cut (by the end of the token), left (by the client), or the "
            "error_id of the failure.",
            ("outcome",),
            registry=registry,
        )
        # Looking a label up costs more than the count itself.
        self._outcome = lru_cache(64)(self._requests.labels)
        self._head = Histogram(
            "sallyport_upstream_response_seconds",
            "Time from a request to the head of the MCP server's answer.",
            buckets=_BUCKETS,
            registry=registry,
        )
        self.in_progress = Gauge(
            "sallyport_upstream_in_progress",
            "Requests in progress at the MCP server; a stream only listens.",
            ("kind",),
            registry=registry,
        )
        self._available = Gauge(
            "sallyport_upstream_available", "1 while the MCP server accepts connections, else 0.", registry=registry
        )

    def ended(self, outcome: str) -> None:
        """Count one request."""
        self._outcome(outcome).inc()

    def answered(self, seconds: float) -> None:
        """Record the time to the head of an answer."""
        self._head.observe(seconds)

    def watch(self, is_available: Callable[[], bool]) -> None:
        """Export the state, read at each scrape."""
        self._available.set_function(lambda: float(is_available()))
