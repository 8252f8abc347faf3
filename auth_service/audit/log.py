"""The audit log for the rest of auth_service: recording never blocks and never raises."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Literal, Unpack

from prometheus_client import Counter

from auth_service.audit.background_writer import BackgroundWriter
from auth_service.audit.events import AuditEvent, AuditFields, plain
from auth_service.audit.repository import AuditEntry

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from auth_service.audit.repository import AuditRepository
    from shared.background import TaskSupervisor

Actor = Literal["operator", "service"]


class AuditLog:
    """Counts each event at once and writes it in the background."""

    def __init__(self, repository: AuditRepository, registry: CollectorRegistry) -> None:
        self._events = Counter("sallyport_audit_events", "Audit events, by name.", ("event",), registry=registry)
        dropped = Counter(
            "sallyport_audit_dropped",
            "Audit events that could not be kept; sallyport_audit_events counts them too.",
            registry=registry,
        )
        self._writer: BackgroundWriter[AuditEntry] = BackgroundWriter(repository.append, dropped=dropped)

    def record(self, event: AuditEvent, **fields: Unpack[AuditFields]) -> None:
        """Record an event."""
        self._events.labels(event.value).inc()
        known = AuditFields.__annotations__
        kept = {name: plain(value) for name, value in fields.items() if name in known and value != ""}
        # An entry may be written twice when Redis's answer is lost; readers recognise it by its id.
        self._writer.put(AuditEntry(secrets.token_hex(8), int(time.time() * 1000), event.value, kept))

    def acting_as(self, actor: Actor) -> ActorAuditLog:
        """An audit log whose events name this actor in `by`, for events that no user causes."""
        return ActorAuditLog(self, actor)

    async def start(self, supervisor: TaskSupervisor) -> None:
        """Start writing."""
        await self._writer.start(supervisor, "audit_log")

    async def stop(self) -> None:
        """Write the queued events, for a few seconds at most."""
        await self._writer.stop()


class ActorAuditLog:
    """Records each event with its actor in the field `by`."""

    def __init__(self, audit: AuditLog, actor: Actor) -> None:
        self._audit = audit
        self._actor = actor

    def record(self, event: AuditEvent, **fields: Unpack[AuditFields]) -> None:
        """Record an event."""
        fields["by"] = self._actor
        self._audit.record(event, **fields)
