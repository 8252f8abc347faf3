"""Metrics of the processes of the command. All labels come from closed sets."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class ProcessMetrics:
    """Counts processes, their starts and their ends."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._running = Gauge(
            "sallyport_upstream_processes", "Processes of MCP_UPSTREAM_COMMAND that run now.", registry=registry
        )
        self._restarts = Counter(
            "sallyport_upstream_process_restarts", "Starts after a failure of the same process.", registry=registry
        )
        self._ends = Counter(
            "sallyport_upstream_process_ends",
            "Processes that ended: idle, replaced, shutdown; or failed: exit, output, input, start, fault.",
            ("reason",),
            registry=registry,
        )

        self._stderr_failures = Counter(
            "sallyport_upstream_stderr_failures",
            "Unexpected exceptions while standard error of a process was logged; the rest was discarded.",
            registry=registry,
        )

    def started(self, *, again: bool) -> None:
        """A process was started; `again` after a failure."""
        self._running.inc()
        if again:
            self._restarts.inc()

    def ended(self, reason: str) -> None:
        """Nothing is left of a process."""
        self._running.dec()
        self._ends.labels(reason).inc()

    def stderr_failed(self) -> None:
        """Standard error of a process is no longer logged."""
        self._stderr_failures.inc()
