"""Whether the pending key has reached the verifiers, so that it may sign (invariant 5). Pure.

Verifiers that identify themselves and long-poll prove which version they have. For all others time decides: a key that
was published for `AUTH_KEY_PUBLISH_LEAD_TIME` is in every cached JWKS. Any client can call the JWKS endpoint under any
name, so a report may only delay a rotation, never hasten it, and never by more than that time.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auth_service.keys.lifecycle import Ring


@dataclass(frozen=True, slots=True)
class ReplicaKeyVersion:
    """The JWKS version of an identified verifier, as of `seen_ms`. From `expires_ms` on it counts as gone."""

    replica: str
    version: int
    seen_ms: int
    expires_ms: int


@dataclass(frozen=True, slots=True)
class ReportedVersions:
    """All reports of verifiers about their JWKS versions."""

    replica_versions: tuple[ReplicaKeyVersion, ...] = ()
    unidentified_ms: int | None = None
    """When an unidentified client last fetched the JWKS."""
    overflow_ms: int | None = None
    """When there last were more identified verifiers than are recorded."""
    unidentified_client: str = ""
    """The User-Agent and the address of that client, as it sent them; empty if unknown."""

    def live(self, now_ms: int) -> tuple[ReplicaKeyVersion, ...]:
        """The verifiers that have not expired."""
        return tuple(reported for reported in self.replica_versions if now_ms < reported.expires_ms)

    def lagging(self, version: int, now_ms: int) -> tuple[str, ...]:
        """The names of the live verifiers that have not reported this version or a later one."""
        return tuple(sorted(reported.replica for reported in self.live(now_ms) if reported.version < version))


class PropagationEvidence(StrEnum):
    """Why the pending key may sign (`PROOF`, `TIME`), or why not yet (`LAGGING`, `UNIDENTIFIED`)."""

    PROOF = "proof"
    """Every live verifier has reported the key."""
    TIME = "time"
    """The key has been published for the lead time."""
    LAGGING = "lagging"
    """Some live verifiers have not reported the key."""
    UNIDENTIFIED = "unidentified"
    """Verifiers that do not identify themselves may have a JWKS without the key."""


@dataclass(frozen=True, slots=True)
class PropagationStatus:
    """The result of `propagation_status`."""

    evidence: PropagationEvidence
    deadline_ms: int
    """From this time on the pending key may sign, whatever verifiers report."""
    lagging: tuple[str, ...] = ()
    unidentified_ms: int | None = None
    """When an unidentified client last fetched the JWKS, if it may still cache one without the pending key."""
    unidentified_client: str = ""
    """The User-Agent and the address of that client, as in ReportedVersions."""

    @property
    def is_propagated(self) -> bool:
        """Whether the pending key may sign."""
        return self.evidence in {PropagationEvidence.PROOF, PropagationEvidence.TIME}


def propagation_status(
    ring: Ring, reported: ReportedVersions, *, now_ms: int, publish_lead_ms: int
) -> PropagationStatus:
    """Whether the pending key may sign at `now_ms`, and if not, what delays it."""
    pending = ring.pending
    deadline_ms = pending.published_ms + publish_lead_ms
    if now_ms >= deadline_ms:
        return PropagationStatus(PropagationEvidence.TIME, deadline_ms)
    # A client that fetched the JWKS before this time has fetched it again since the key was published.
    relevant_since = pending.published_ms - publish_lead_ms
    unidentified_ms, overflow_ms = (
        at if at is not None and at >= relevant_since else None
        for at in (reported.unidentified_ms, reported.overflow_ms)
    )
    lagging = reported.lagging(pending.published_version, now_ms)
    if lagging:
        return PropagationStatus(PropagationEvidence.LAGGING, deadline_ms, lagging)
    # No live verifier at all proves nothing: they may have lost their connections.
    if unidentified_ms is not None or overflow_ms is not None or not reported.live(now_ms):
        return PropagationStatus(
            PropagationEvidence.UNIDENTIFIED,
            deadline_ms,
            unidentified_ms=unidentified_ms,
            unidentified_client=reported.unidentified_client,
        )
    return PropagationStatus(PropagationEvidence.PROOF, deadline_ms)
