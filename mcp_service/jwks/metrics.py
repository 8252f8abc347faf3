"""The measures that mcp_service adds to those of every HTTP service; all labels come from closed sets."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge

from mcp_service.jwks.policy import Phase

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp_service.jwks.cache import JwksCache


class JwksMetrics:
    """What the key cache does."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._refreshes = Counter(
            "sallyport_key_set_refreshes", "Answers to requests for the issuer's keys.", ("outcome",), registry=registry
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

    def watch(self, cache: JwksCache) -> None:
        """Export the phase and the age of a cache, read when somebody looks."""
        phase = Gauge("sallyport_key_set_phase", "1 for the phase now.", ("phase",), registry=self._registry)
        for one in Phase:
            phase.labels(one.value).set_function(_is_in(cache, one))
        Gauge(
            "sallyport_key_set_age_seconds", "Since the issuer last confirmed the keys.", registry=self._registry
        ).set_function(lambda: cache.age_seconds)


def _is_in(cache: JwksCache, phase: Phase) -> Callable[[], float]:
    return lambda: float(cache.phase is phase)


class GuardMetrics:
    """What the guard decides."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._decisions = Counter(
            "sallyport_guard_decisions",
            "Requests at the guard, by the error_id that decided; passed and public are no errors.",
            ("error_id",),
            registry=registry,
        )

        # Looking a label up costs more than the count itself.
        self._decision = lru_cache(256)(self._decisions.labels)

    def decided(self, error_id: str) -> None:
        """`check` is passed, public, or the name of the rule that refused."""
        self._decision(error_id).inc()
