"""Counters of the JWKS cache. All labels come from closed sets."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter


class JwksMetrics:
    """Counts refreshes and unknown key ids."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._refreshes = Counter(
            "sallyport_jwks_refreshes", "Requests for the issuer's JWKS.", ("outcome",), registry=registry
        )
        self._unknown = Counter(
            "sallyport_unknown_kids", "Tokens that named a key not held.", ("outcome",), registry=registry
        )

    def refresh(self, outcome: str) -> None:
        """`outcome` is changed, unchanged, unreachable or bad_document."""
        self._refreshes.labels(outcome).inc()

    def unknown_kid(self, outcome: str) -> None:
        """`outcome` is found, refuse or cannot_know."""
        self._unknown.labels(outcome).inc()
