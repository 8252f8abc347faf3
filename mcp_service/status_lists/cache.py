"""The base of the caches of status lists: the check of an entry, the observers of changes, the metrics and the log."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge

from mcp_service.status_lists.bitmaps import StatusBitmaps
from shared.access_tokens.verifier import HeldStatusLists
from shared.errors import ServiceUnavailable
from shared.jose.jws import InvalidToken

if TYPE_CHECKING:
    import structlog

    from shared.access_tokens.profile import StatusReference
    from shared.background import TaskSupervisor
    from shared.http.health import Readiness


class StatusListMetrics:
    """Counts refreshes and unknown lists. All labels come from closed sets."""

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


class StatusListCache(HeldStatusLists):
    """The lists of one issuer, kept current in the background."""

    def __init__(
        self,
        *,
        metrics: StatusListMetrics,
        log: structlog.typing.FilteringBoundLogger,
        clock: Callable[[], float],
    ) -> None:
        """`clock` is monotonic, in seconds."""
        super().__init__(clock)
        self._metrics = metrics
        self._log = log
        self._bitmaps = StatusBitmaps(self._lists)
        self._observers: list[Callable[[], None]] = []

    def on_change(self, notify: Callable[[], None]) -> None:
        """Call `notify` after entries were revoked."""
        self._observers.append(notify)

    @property
    @abstractmethod
    def age_seconds(self) -> float:
        """Seconds since the lists held should have been confirmed; not a number without lists."""

    @abstractmethod
    async def readiness(self) -> Readiness:
        """Always ready, since another replica would know no more; the note tells of lists that cannot be read."""

    @abstractmethod
    async def start(self, supervisor: TaskSupervisor) -> None:
        """Start keeping the lists current in the background."""

    @abstractmethod
    async def stop(self) -> None:
        """End the background tasks and release their waiters."""

    def export_gauges(self, registry: CollectorRegistry) -> None:
        """Export age and number, read at each scrape."""
        Gauge(
            "sallyport_status_lists_age_seconds",
            "Time since the status lists held were last confirmed, or since one by its address was due to be; "
            "NaN without lists.",
            registry=registry,
        ).set_function(lambda: self.age_seconds)
        Gauge("sallyport_status_lists", "Status lists held.", registry=registry).set_function(lambda: len(self._lists))

    @abstractmethod
    def _problem(self) -> str:
        """A note for the operator on lists that cannot be read."""

    def _check_entry(self, status: StatusReference) -> None:
        """Check a reference with the list as it is held. Raises InvalidToken or ServiceUnavailable."""
        bits = self._lists.get(status.uri)
        if bits is None:
            raise InvalidToken("status_list", f"status_list {status.uri!r:.200} is not one of the issuer")
        if status.entry >= 8 * len(bits):
            raise InvalidToken("status_index", f"the status list has no entry {status.entry!r:.20}")
        if bits[status.entry >> 3] >> (status.entry & 7) & 1:
            raise InvalidToken("revoked", "the token was revoked or suspended")
        if not self.allow(status):
            raise ServiceUnavailable(self._problem(), error_id="status_lists_current", retry_after_seconds=5)

    def _notify(self) -> None:
        for notify in self._observers:
            notify()

    def _log_failure(self, outcome: str, reason: str, failures: int, **fields: str) -> None:
        """Log the 1st, 2nd, 4th and so on: an outage of hours must not fill the log."""
        self._metrics.refresh(outcome)
        if failures & (failures - 1) == 0:
            self._log.warning(
                "status_list_refresh_failed", outcome=outcome, reason=reason[:300], failures=failures, **fields
            )
