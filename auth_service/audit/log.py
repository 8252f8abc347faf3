"""The audit log as the rest of auth_service sees it: `record`, and nothing that could fail."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Unpack

from prometheus_client import Counter

from auth_service.audit.background import BackgroundWriter
from auth_service.audit.events import AuditEvent, AuditFields, plain
from auth_service.audit.repository import AuditEntry

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from auth_service.audit.repository import AuditRepository
    from shared.background import TaskSupervisor


class AuditLog:
    """Counts each event at once and writes it in the background."""

    def __init__(self, storage: AuditRepository, registry: CollectorRegistry) -> None:
        self._events = Counter("sallyport_audit_events", "Audit events, by name.", ("event",), registry=registry)
        dropped = Counter(
            "sallyport_audit_dropped",
            "Audit events that could not be kept; they were counted above.",
            registry=registry,
        )
        self._writer: BackgroundWriter[AuditEntry] = BackgroundWriter(storage.append, dropped=dropped)

    def record(self, event: AuditEvent, **fields: Unpack[AuditFields]) -> None:
        """Note that something happened. Never blocks, never raises."""
        self._events.labels(event.value).inc()
        known = AuditFields.__annotations__
        kept = {name: plain(value) for name, value in fields.items() if name in known and value != ""}
        # The id tells the reader that an entry written twice, after an answer of the store was lost, is one event.
        self._writer.put(AuditEntry(secrets.token_hex(8), int(time.time() * 1000), event.value, kept))

    async def start(self, supervisor: TaskSupervisor) -> None:
        """Begin to write."""
        await self._writer.start(supervisor, "audit_log")

    async def stop(self) -> None:
        """Write what is left, for a few seconds at most."""
        await self._writer.stop()
