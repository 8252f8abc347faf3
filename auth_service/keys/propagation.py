"""Whether a pending key has reached the verifiers, so that it may sign (invariant 5). Pure.

Verifiers that name themselves and wait for changes prove what they hold. For those that cannot be seen time decides:
a key that was published for `AUTH_KEY_PUBLISH_LEAD_TIME` has replaced every cached set. Everybody can call the key set
endpoint under any name, so what callers say may only ever make a rotation wait, never hurry it, and never longer
than that time.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auth_service.keys.lifecycle import Ring


@dataclass(frozen=True, slots=True)
class ReplicaKeyVersion:
    """What one verifier that names itself holds, as of `seen_ms`. After `expires_ms` it counts as gone."""

    replica: str
    version: int
    seen_ms: int
    expires_ms: int


@dataclass(frozen=True, slots=True)
class HeldSets:
    """All that is known of who holds what."""

    replica_versions: tuple[ReplicaKeyVersion, ...] = ()
    unnamed_ms: int | None = None
    """When the key set was last fetched by somebody without a name."""
    overflow_ms: int | None = None
    """When there were last more names than are kept."""

    def live(self, now_ms: int) -> tuple[ReplicaKeyVersion, ...]:
        """The verifiers that are there."""
        return tuple(holder for holder in self.replica_versions if now_ms < holder.expires_ms)

    def behind(self, version: int, now_ms: int) -> tuple[str, ...]:
        """The names of the live verifiers that have not shown this version or a later one."""
        return tuple(sorted(holder.replica for holder in self.live(now_ms) if holder.version < version))


class PropagationEvidence(StrEnum):
    """What lets a pending key sign, or what is waited for."""

    PROOF = "proof"
    """Every live verifier has shown that it holds the key."""
    TIME = "time"
    """The key has been published for long enough."""
    REPLICAS = "replicas"
    """Some live verifiers have not shown the key yet."""
    UNSEEN = "unseen"
    """There are, or there may be, verifiers that cannot be seen."""


@dataclass(frozen=True, slots=True)
class PropagationStatus:
    """The answer of `judge`. At `certain_ms` time decides, whoever is waited for."""

    evidence: PropagationEvidence
    certain_ms: int
    waiting_for: tuple[str, ...] = ()

    @property
    def has_arrived(self) -> bool:
        """Whether the pending key may sign."""
        return self.evidence in {PropagationEvidence.PROOF, PropagationEvidence.TIME}


def propagation_status(ring: Ring, held: HeldSets, *, now_ms: int, propagation_ms: int) -> PropagationStatus:
    """Whether the pending key may sign now, and if not, what is waited for."""
    pending = ring.pending
    certain_ms = pending.published_ms + propagation_ms
    if now_ms >= certain_ms:
        return PropagationStatus(PropagationEvidence.TIME, certain_ms)
    # Who fetched without a name since then may still rely on a set without the pending key.
    relevant_since = pending.published_ms - propagation_ms
    unseen = any(at is not None and at >= relevant_since for at in (held.unnamed_ms, held.overflow_ms))
    behind = held.behind(pending.published_version, now_ms)
    if behind:
        return PropagationStatus(PropagationEvidence.REPLICAS, certain_ms, behind)
    # Nobody at all is no proof either: verifiers may have lost their connection rather than gone.
    if unseen or not held.live(now_ms):
        return PropagationStatus(PropagationEvidence.UNSEEN, certain_ms)
    return PropagationStatus(PropagationEvidence.PROOF, certain_ms)
