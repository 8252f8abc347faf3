"""Changes of the ring: rotation on a schedule or by command, revocation, removal of expired keys.

Every replica runs a rotator and every command creates one. Each change is one compare-and-set (invariant 3), so any
number of rotators have the effect of one. A rotation request names the key that shall stop signing; a rotator that
finds the request fulfilled is done. `propagation.py` decides when the pending key may sign (invariant 5).
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from auth_service.audit.events import AuditEvent
from auth_service.keys import lifecycle
from auth_service.keys.propagation import PropagationStatus, propagation_status
from auth_service.keys.signer import new_key
from shared.background import end_tasks
from shared.errors import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    import structlog

    from auth_service.audit.log import ActorAuditLog
    from auth_service.encryption import EncryptionKeys
    from auth_service.keys.key_ring import KeyRing
    from auth_service.keys.lifecycle import NewKey, Ring, RotationPolicy
    from auth_service.keys.repository import KeyRingRepository, ReplicaVersionRepository
    from shared.background import TaskSupervisor

CHECK_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class RotationRequest:
    """The key that shall stop signing, and when that was requested."""

    kid: str
    since_ms: int


@dataclass(frozen=True, slots=True)
class RotationResult:
    """The request is fulfilled."""

    ring: Ring
    by_this: bool
    """Whether this rotator promoted the pending key; otherwise a concurrent rotation did."""


class Rotator:
    """Methods raise ServiceUnavailable, mostly RedisUnavailable. They may be repeated."""

    def __init__(
        self,
        *,
        repository: KeyRingRepository,
        replica_versions: ReplicaVersionRepository,
        encryption_keys: EncryptionKeys,
        policy: RotationPolicy,
        audit: ActorAuditLog,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._repository = repository
        self._replica_versions = replica_versions
        self._encryption_keys = encryption_keys
        self._policy = policy
        self._audit = audit
        self._clock = clock

    async def run_due(self, ring: Ring) -> None:
        """Remove and rotate the keys of this copy of the ring that are due. Mostly there are none: then no I/O."""
        now_ms = self._now_ms()
        removal_ms = lifecycle.next_removal_ms(ring)
        if removal_ms is not None and now_ms >= removal_ms:
            await self._prune()
        due_ms = lifecycle.rotation_due_ms(ring, interval_ms=self._policy.interval_ms)
        if now_ms >= due_ms:
            await self.attempt(RotationRequest(ring.active.kid, due_ms))

    async def request(self, *, since_ms: int) -> RotationRequest:
        """The request, made at `since_ms`, that the active key stops signing."""
        return RotationRequest((await self._read()).active.kid, since_ms)

    async def attempt(self, request: RotationRequest, *, force: bool = False) -> RotationResult | PropagationStatus:
        """Take the steps towards the request that may be taken now; PropagationStatus says what delays it.

        A rotation that a concurrent rotator completed since the request was made fulfils it: two commands at the same
        moment make one rotation. `force` does not wait for the verifiers.
        """
        ring = await self._read()
        if _is_fulfilled(ring, request):
            return RotationResult(ring, by_this=False)
        if _has_other_algorithm(ring, request, self._policy):
            ring = await self._replace_pending(request) or await self._read()
        status = propagation_status(
            ring,
            await self._replica_versions.read(),
            now_ms=self._now_ms(),
            publish_lead_ms=self._policy.publish_lead_ms,
        )
        if not (status.is_propagated or force):
            return status
        promoted = await self._promote(request, ring.pending.kid)
        if promoted is not None:
            return RotationResult(promoted, by_this=True)
        ring = await self._read()
        return RotationResult(ring, by_this=False) if _is_fulfilled(ring, request) else status

    async def revoke(self, kid: str, *, reason: str) -> Ring:
        """Remove a key at once, and with it every token that it signed. Raises lifecycle.UnknownKey."""
        successor = await self._new_key()

        was_active = False

        def step(ring: Ring) -> Ring:
            nonlocal was_active
            was_active = ring.active.kid == kid
            lifetime_ms = self._policy.token_lifetime_ms
            return lifecycle.revoke(ring, kid, successor, now_ms=self._now_ms(), token_lifetime_ms=lifetime_ms)

        ring = await self._repository.change(step)
        if ring is None:
            raise AssertionError("a revocation always changes the ring")
        self._audit.record(AuditEvent.KEY_REVOKED, kid=kid, reason=reason)
        if was_active:
            self._audit.record(AuditEvent.KEY_PROMOTED, kid=ring.active.kid)
        if ring.pending.kid == successor.kid:
            self._audit.record(AuditEvent.KEY_CREATED, kid=successor.kid)
        return ring

    async def _replace_pending(self, request: RotationRequest) -> Ring | None:
        successor = await self._new_key()

        def step(ring: Ring) -> Ring | None:
            # Checked again on the stored ring: of two rotators one replaces the key, and neither the other's.
            if _is_fulfilled(ring, request) or not _has_other_algorithm(ring, request, self._policy):
                return None
            lifetime_ms = self._policy.token_lifetime_ms
            return lifecycle.replace_pending(ring, successor, now_ms=self._now_ms(), token_lifetime_ms=lifetime_ms)

        replaced = await self._repository.change(step)
        if replaced is not None:
            self._audit.record(AuditEvent.KEY_CREATED, kid=successor.kid)
        return replaced

    async def _promote(self, request: RotationRequest, pending_kid: str) -> Ring | None:
        successor = await self._new_key()

        def step(ring: Ring) -> Ring | None:
            # Only the key that was found to have propagated, and only for an open request (invariants 3 and 5).
            if _is_fulfilled(ring, request) or ring.pending.kid != pending_kid:
                return None
            lifetime_ms = self._policy.token_lifetime_ms
            return lifecycle.promote(ring, successor, now_ms=self._now_ms(), token_lifetime_ms=lifetime_ms)

        promoted = await self._repository.change(step)
        if promoted is not None:
            self._audit.record(AuditEvent.KEY_PROMOTED, kid=pending_kid)
            self._audit.record(AuditEvent.KEY_CREATED, kid=successor.kid)
        return promoted

    async def _prune(self) -> None:
        before = await self._read()
        pruned = await self._repository.change(lambda ring: lifecycle.prune(ring, now_ms=self._now_ms()))
        if pruned is not None:
            for kid in {key.kid for key in before.keys} - {key.kid for key in pruned.keys}:
                self._audit.record(AuditEvent.KEY_RETIRED, kid=kid)

    async def _read(self) -> Ring:
        ring = await self._repository.read()
        if ring is None:
            raise ServiceUnavailable(
                "there is no key ring yet: auth_service creates it at its first start", error_id="key_ring"
            )
        return ring

    async def _new_key(self) -> NewKey:
        # In a thread: the library releases the interpreter lock, so no request waits for the key pair.
        return await asyncio.to_thread(new_key, self._policy.algorithm, self._encryption_keys)

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


class RotationSchedule:
    """One task per process that rotates and removes keys when they are due. The rotator lets one replica win."""

    def __init__(
        self,
        *,
        key_ring: KeyRing,
        rotator: Rotator,
        log: structlog.typing.FilteringBoundLogger,
        check_seconds: float = CHECK_SECONDS,
    ) -> None:
        self._key_ring = key_ring
        self._rotator = rotator
        self._log = log
        self._check_seconds = check_seconds
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    async def start(self, supervisor: TaskSupervisor) -> None:
        """Start the periodic check."""
        self._tasks = (supervisor.start("key_rotation_schedule", self._check),)

    async def stop(self) -> None:
        """Stop the check. Another replica, or the next start, continues a rotation in progress."""
        await end_tasks(self._tasks)

    async def _check(self) -> None:
        while True:
            # Jitter: of replicas that were started together usually only one generates the new key.
            await asyncio.sleep(self._check_seconds * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
            try:
                await self._rotator.run_due(self._key_ring.ring)
            except ServiceUnavailable as exc:
                self._log.warning("key_rotation_deferred", reason=exc.reason)


def _is_fulfilled(ring: Ring, request: RotationRequest) -> bool:
    return ring.active.kid != request.kid or (ring.active.activated_ms or 0) >= request.since_ms


def _has_other_algorithm(ring: Ring, request: RotationRequest, policy: RotationPolicy) -> bool:
    # A pending key published since the request is kept, whatever its algorithm: during the rollout of another setting,
    # replicas with the old and the new one would otherwise replace each other's key without end.
    return ring.pending.algorithm != policy.algorithm and ring.pending.published_ms < request.since_ms
