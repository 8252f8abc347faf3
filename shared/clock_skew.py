"""The alarm on a clock of this process that differs from a reference clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Gauge

if TYPE_CHECKING:
    import structlog

LIMIT_SECONDS: Final = 5.0
"""The leeway of the token verifier; the alert SallyportClockSkew has the same threshold."""


class ClockSkew:
    """Keeps a metric, and logs a warning when the difference exceeds the limit and a line when it no longer does."""

    def __init__(
        self,
        registry: CollectorRegistry,
        log: structlog.typing.FilteringBoundLogger,
        *,
        reference: str,
        clock: Callable[[], float],
    ) -> None:
        """`reference` names the other clock in the log. `clock` is seconds since 1970."""
        self._gauge = Gauge(
            "sallyport_clock_skew_seconds",
            "The clock of this process minus that of Redis (auth_service) or of the issuer (mcp_service).",
            registry=registry,
        )
        self._log = log
        self._reference = reference
        self._clock = clock
        self._exceeded = False

    def now(self) -> float:
        """The clock of this process, in seconds since 1970."""
        return self._clock()

    def report(self, seconds: float) -> None:
        """Report one measurement: positive if the clock of this process is ahead."""
        self._gauge.set(seconds)
        exceeded = abs(seconds) > LIMIT_SECONDS
        if exceeded and not self._exceeded:
            self._log.warning(
                "clock_skew", reference=self._reference, seconds=round(seconds, 1), limit_seconds=LIMIT_SECONDS
            )
        elif self._exceeded and not exceeded:
            self._log.info("clock_skew_ended", reference=self._reference, seconds=round(seconds, 1))
        self._exceeded = exceeded
