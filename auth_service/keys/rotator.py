"""Changes of the ring: rotation on a schedule or by command, withdrawal, clearing away.

Every replica runs a rotator and every command makes one; each change is one compare-and-set (invariant 3), so that
any number of them together do what one would have done. A rotation has a goal, "this key shall stop signing": whoever
finds it reached is done. The wait for the verifiers is `propagation.py`'s (invariant 5).
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from auth_service.audit.events import AuditEvent
from auth_service.keys import lifecycle
from auth_service.keys.key_generation import new_key
from auth_service.keys.propagation import PropagationStatus, propagation_status
from shared.errors import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from auth_service.audit.log import AuditLog
    from auth_service.key_encryption import EncryptionKeys
    from auth_service.keys.lifecycle import NewKey, Ring
    from auth_service.keys.replica_version_repository import ReplicaVersionRepository
    from auth_service.keys.repository import KeyRingRepository
    from auth_service.settings import AuthSettings

Actor = Literal["operator", "service"]


@dataclass(frozen=True, slots=True)
class RotationPolicy:
    """What the settings say of rotation. Durations in milliseconds."""

    algorithm: str
    interval_ms: int
    propagation_ms: int
    token_lifetime_ms: int

    @classmethod
    def from_settings(cls, settings: AuthSettings) -> RotationPolicy:
        """The policy of these settings."""
        return cls(
            algorithm=settings.signing_algorithm,
            interval_ms=settings.key_rotation_interval * 1000,
            propagation_ms=settings.key_publish_lead_seconds * 1000,
            token_lifetime_ms=settings.access_token_ttl * 1000,
        )


@dataclass(frozen=True, slots=True)
class RotationRequest:
    """The key that shall stop signing, and since when that is wanted."""

    kid: str
    since_ms: int


@dataclass(frozen=True, slots=True)
class RotationResult:
    """The goal is reached. `by_this` tells whether this rotator took the last step."""

    ring: Ring
    by_this: bool


class Rotator:
    """Methods raise ServiceUnavailable, mostly RedisUnavailable; repeating them is then safe."""

    def __init__(
        self,
        *,
        storage: KeyRingRepository,
        replica_versions: ReplicaVersionRepository,
        encryption_keys: EncryptionKeys,
        policy: RotationPolicy,
        audit: AuditLog,
        by: Actor,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._storage = storage
        self._holders = replica_versions
        self._encryption_keys = encryption_keys
        self._policy = policy
        self._audit = audit
        self._by = by
        self._clock = clock

    async def tick(self, ring: Ring) -> None:
        """Do what is due by the clock, looking at this copy of the ring: usually nothing, without any I/O."""
        now_ms = self._now_ms()
        removal_ms = lifecycle.next_removal_ms(ring)
        if removal_ms is not None and now_ms >= removal_ms:
            await self._prune()
        due_ms = lifecycle.rotation_due_ms(ring, interval_ms=self._policy.interval_ms)
        if now_ms >= due_ms:
            await self.advance(RotationRequest(ring.active.kid, due_ms))

    async def goal(self, *, since_ms: int) -> RotationRequest:
        """The goal of a rotation that was asked for at `since_ms`: that the key which signs now stops."""
        return RotationRequest((await self._read()).active.kid, since_ms)

    async def advance(self, goal: RotationRequest, *, force: bool = False) -> RotationResult | PropagationStatus:
        """Take the steps towards the goal that may be taken now; Arrival tells what has to be waited for.

        A rotation that somebody else completed since the goal was set counts: two commands at the same moment make
        one rotation. `force` does not wait for the verifiers.
        """
        ring = await self._read()
        if _is_reached(ring, goal):
            return RotationResult(ring, by_this=False)
        if _has_other_algorithm(ring, goal, self._policy):
            ring = await self._replace_pending(goal) or await self._read()
        arrival = propagation_status(
            ring,
            await self._holders.read(),
            now_ms=self._now_ms(),
            propagation_ms=self._policy.propagation_ms,
        )
        if not (arrival.has_arrived or force):
            return arrival
        promoted = await self._promote(goal, ring.pending.kid)
        if promoted is not None:
            return RotationResult(promoted, by_this=True)
        ring = await self._read()
        return RotationResult(ring, by_this=False) if _is_reached(ring, goal) else arrival

    async def revoke(self, kid: str, *, reason: str) -> Ring:
        """Withdraw a key at once, and every token that it signed. Raises lifecycle.UnknownKey."""
        successor = await self._new_key()

        was_active = False

        def step(ring: Ring) -> Ring:
            nonlocal was_active
            was_active = ring.active.kid == kid
            lifetime_ms = self._policy.token_lifetime_ms
            return lifecycle.revoke(ring, kid, successor, now_ms=self._now_ms(), token_lifetime_ms=lifetime_ms)

        ring = await self._storage.change(step)
        if ring is None:
            raise AssertionError("a withdrawal always changes the ring")
        self._audit.record(AuditEvent.KEY_REVOKED, kid=kid, reason=reason, by=self._by)
        if was_active:
            self._audit.record(AuditEvent.KEY_PROMOTED, kid=ring.active.kid, by=self._by)
        if ring.pending.kid == successor.kid:
            self._audit.record(AuditEvent.KEY_CREATED, kid=successor.kid, by=self._by)
        return ring

    async def _replace_pending(self, goal: RotationRequest) -> Ring | None:
        successor = await self._new_key()

        def step(ring: Ring) -> Ring | None:
            # Asked again of the ring as it is now: of two rotators one replaces, and neither the other's.
            if _is_reached(ring, goal) or not _has_other_algorithm(ring, goal, self._policy):
                return None
            lifetime_ms = self._policy.token_lifetime_ms
            return lifecycle.replace_pending(ring, successor, now_ms=self._now_ms(), token_lifetime_ms=lifetime_ms)

        replaced = await self._storage.change(step)
        if replaced is not None:
            self._audit.record(AuditEvent.KEY_CREATED, kid=successor.kid, by=self._by)
        return replaced

    async def _promote(self, goal: RotationRequest, pending_kid: str) -> Ring | None:
        successor = await self._new_key()

        def step(ring: Ring) -> Ring | None:
            # Only the very key that was found to have arrived, and only while the goal stands (invariants 3 and 5).
            if _is_reached(ring, goal) or ring.pending.kid != pending_kid:
                return None
            lifetime_ms = self._policy.token_lifetime_ms
            return lifecycle.promote(ring, successor, now_ms=self._now_ms(), token_lifetime_ms=lifetime_ms)

        promoted = await self._storage.change(step)
        if promoted is not None:
            self._audit.record(AuditEvent.KEY_PROMOTED, kid=pending_kid, by=self._by)
            self._audit.record(AuditEvent.KEY_CREATED, kid=successor.kid, by=self._by)
        return promoted

    async def _prune(self) -> None:
        before = await self._read()
        pruned = await self._storage.change(lambda ring: lifecycle.prune(ring, now_ms=self._now_ms()))
        if pruned is not None:
            for kid in {key.kid for key in before.keys} - {key.kid for key in pruned.keys}:
                self._audit.record(AuditEvent.KEY_RETIRED, kid=kid, by=self._by)

    async def _read(self) -> Ring:
        ring = await self._storage.read()
        if ring is None:
            raise ServiceUnavailable(
                "there is no key ring yet: auth_service makes it at its first start", error_id="key_ring"
            )
        return ring

    async def _new_key(self) -> NewKey:
        # Beside the event loop, for the library lets others run meanwhile: no request waits for a key pair.
        return await asyncio.to_thread(new_key, self._policy.algorithm, self._encryption_keys)

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


def _is_reached(ring: Ring, goal: RotationRequest) -> bool:
    return ring.active.kid != goal.kid or (ring.active.activated_ms or 0) >= goal.since_ms


def _has_other_algorithm(ring: Ring, goal: RotationRequest, policy: RotationPolicy) -> bool:
    # A pending key made since the goal was set is left alone, whatever its algorithm: while another setting is
    # rolled out, replicas with the old and the new one would otherwise replace each other's key without end.
    return ring.pending.algorithm != policy.algorithm and ring.pending.published_ms < goal.since_ms
