"""Counters of the status lists. All labels come from closed sets."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter


class StatusListMetrics:
    """Counts refreshes and unknown lists."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._refreshes = Counter(
            "sallyport_status_list_refreshes",
            "Requests for the issuer's status lists.",
            ("outcome",),
            registry=registry,
        )
        self._unknown = Counter(
            "sallyport_unknown_status_lists",
            "Tokens that named a status list not held.",
            ("outcome",),
            registry=registry,
        )

    def refresh(self, outcome: str) -> None:
        """`outcome` is changed, unchanged, no_feed, unreachable, gone or bad_document."""
        self._refreshes.labels(outcome).inc()

    def unknown_list(self, outcome: str) -> None:
        """`outcome` is found, no_feed, refuse or cannot_know."""
        self._unknown.labels(outcome).inc()
