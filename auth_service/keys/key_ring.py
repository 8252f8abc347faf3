"""The signing keys of one process: a copy of the stored ring, kept current, that signs, verifies and is published.

Changes arrive by publish/subscribe at once, and by polling within a second if the message is lost. A copy that has not
been confirmed for a while stops signing, because the key may have been replaced or revoked (invariant 5). It still
verifies and is published: neither needs a current copy.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from joserfc.errors import JoseError

from auth_service.encryption import DecryptionFailed
from auth_service.keys.lifecycle import MAX_UNCONFIRMED_MS
from auth_service.keys.public_key_set import PublicKeySet, build_public_key_set
from auth_service.keys.reconciler import KeyRingReconciler
from auth_service.keys.signer import ActiveKey, import_private_key
from shared.background import end_tasks
from shared.errors import Misconfigured, RedisUnavailable, ServiceUnavailable
from shared.jose.jws import InvalidToken
from shared.jose.keys import import_verification_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import structlog

    from auth_service.encryption import EncryptionKeys
    from auth_service.keys.lifecycle import Ring, RingKey, RotationPolicy
    from auth_service.keys.repository import KeyRingRepository
    from shared.background import TaskSupervisor
    from shared.jose.keys import VerificationKey

POLL_SECONDS: Final = 1.0
CATCH_UP_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One version of the ring with its keys imported, the active one decrypted, and the JWKS encoded."""

    ring: Ring
    public_key_set: PublicKeySet
    verification_keys: Mapping[str, VerificationKey]
    signing_key: ActiveKey | None
    """None if no configured secret decrypts the active key."""


class KeyRing:
    """A Signer, and the VerificationKeyResolver for this server's own access tokens."""

    def __init__(
        self,
        *,
        repository: KeyRingRepository,
        encryption_keys: EncryptionKeys,
        policy: RotationPolicy,
        log: structlog.typing.FilteringBoundLogger,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._repository = repository
        self._encryption_keys = encryption_keys
        self._reconciler = KeyRingReconciler(
            repository=repository, encryption_keys=encryption_keys, policy=policy, log=log, clock=clock
        )
        self._log = log
        self._monotonic = monotonic
        self._poll_seconds = POLL_SECONDS
        self._snapshot: Snapshot | None = None
        self._refreshed_at = self._confirmed_at = float("-inf")
        self._changed = asyncio.Event()
        self._refreshing = asyncio.Lock()
        self._catching_up = asyncio.Lock()
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    async def start(self, supervisor: TaskSupervisor) -> None:
        """Load the ring, creating it if there is none, and keep it current until `stop`.

        If Redis is unavailable this returns, and the ring is loaded later (invariant 8). Raises Misconfigured if the
        configured secrets do not decrypt the stored keys.
        """
        try:
            await self.refresh()
        except ServiceUnavailable as exc:
            self._log.warning("key_ring_not_loaded", reason=exc.reason)
        self._tasks = (
            supervisor.start("key_ring_poll", self._poll),
            supervisor.start("key_ring_subscription", self._listen),
        )

    async def stop(self) -> None:
        """Stop polling and listening."""
        await end_tasks(self._tasks)
        self._tasks = ()

    def ready(self) -> None:
        """Raise ServiceUnavailable unless the active key is loaded and confirmed to be current (invariant 8)."""
        if self._loaded().signing_key is None:
            raise ServiceUnavailable(
                "AUTH_KEY_ENCRYPTION_KEY does not decrypt the active key", error_id="keys_decrypted"
            )
        if (self._monotonic() - self._confirmed_at) * 1000 > MAX_UNCONFIRMED_MS:
            raise ServiceUnavailable("the key ring has not been confirmed for too long", error_id="keys_confirmed")

    def sign(self, claims: Mapping[str, Any], *, typ: str) -> str:
        """A compact JWS signed with the active key. Raises ServiceUnavailable."""
        return self.signing_key().sign(claims, typ=typ)

    def signing_key(self) -> ActiveKey:
        """The active key, for a signature that is made now. Raises ServiceUnavailable."""
        self.ready()
        signing_key = self._loaded().signing_key
        if signing_key is None:
            raise AssertionError("ready() accepted a ring without a signing key")
        return signing_key

    @property
    def algorithm(self) -> str:
        """The algorithm of the active key. Raises ServiceUnavailable while no ring is loaded."""
        return self._loaded().ring.active.algorithm

    def held(self, kid: str) -> VerificationKey | None:
        """The published key of this id; None without one, or while no ring is loaded. No I/O."""
        return None if self._snapshot is None else self._snapshot.verification_keys.get(kid)

    async def find(self, unverified_kid: str) -> VerificationKey:
        """The published key of this id. Raises InvalidToken; ServiceUnavailable while no ring is loaded."""
        key = self._loaded().verification_keys.get(unverified_kid)
        if key is None:
            raise InvalidToken("kid", "the header names no published key")
        return key

    @property
    def ring(self) -> Ring:
        """This process's copy of the ring. Raises ServiceUnavailable while none is loaded."""
        return self._loaded().ring

    @property
    def public_key_set(self) -> PublicKeySet:
        """The JWKS to publish. Raises ServiceUnavailable while no ring is loaded."""
        return self._loaded().public_key_set

    @property
    def changed(self) -> asyncio.Event:
        """Set at the next change of the ring. Take it before reading what may change."""
        return self._changed

    def wake(self) -> None:
        """Wake all tasks that wait for a change."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def catch_up(self) -> None:
        """Refresh once after this call, because a client may have seen a later version.

        Concurrent calls share one refresh, and refreshes are at least CATCH_UP_SECONDS apart.
        """
        called_at = self._monotonic()
        await asyncio.sleep(max(0.0, self._refreshed_at + CATCH_UP_SECONDS - called_at))
        async with self._catching_up:
            if self._refreshed_at < called_at:
                await self._refresh_and_log()

    async def refresh(self) -> None:
        """Read and reconcile the stored ring now. Raises ServiceUnavailable, and Misconfigured as `start` does."""
        async with self._refreshing:
            refreshed_at = self._refreshed_at = self._monotonic()
            known = self._snapshot.ring if self._snapshot else None
            ring = await self._reconciler.reconcile(known)
            if ring != known:
                self._adopt(ring)
            self._confirmed_at = refreshed_at

    def _loaded(self) -> Snapshot:
        if self._snapshot is None:
            raise ServiceUnavailable("no key ring has been loaded yet", error_id="keys_loaded")
        return self._snapshot

    def _adopt(self, ring: Ring) -> None:
        self._snapshot = take_snapshot(ring, self._encryption_keys, self._snapshot)
        self._log.info("key_ring_changed", version=ring.version, active=ring.active.kid, pending=ring.pending.kid)
        self.wake()

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._poll_seconds)
            await self._refresh_and_log()

    async def _listen(self) -> None:
        while True:
            with suppress(RedisUnavailable):
                async with self._repository.changes() as changes:
                    # Changes before the subscription were not announced to it.
                    await self._refresh_and_log()
                    async for _ in changes:
                        await self._refresh_and_log()
            await asyncio.sleep(self._poll_seconds)

    async def _refresh_and_log(self) -> None:
        try:
            await self.refresh()
        except ServiceUnavailable as exc:
            self._log.warning("key_ring_refresh_failed", reason=exc.reason)
        except Misconfigured as exc:
            self._log.error("key_ring_decryption_failed", reason=str(exc))


def take_snapshot(ring: Ring, encryption_keys: EncryptionKeys, previous: Snapshot | None) -> Snapshot:
    """A snapshot of the ring. Keys of the previous snapshot are reused, as a `kid` never stands for two keys.

    Raises ServiceUnavailable if a stored key is malformed.
    """
    try:
        return _snapshot(ring, encryption_keys, previous)
    except (JoseError, ValueError) as exc:
        raise ServiceUnavailable(f"a key of the stored ring cannot be imported: {exc}", error_id="key_ring") from exc


def _snapshot(ring: Ring, encryption_keys: EncryptionKeys, previous: Snapshot | None) -> Snapshot:
    known = previous.verification_keys if previous else {}
    verification_keys = {key.kid: known.get(key.kid) or _verification_key(key) for key in ring.keys}
    if previous and previous.signing_key and previous.signing_key.kid == ring.active.kid:
        signing_key: ActiveKey | None = previous.signing_key
    else:
        signing_key = _decrypt_active(ring, encryption_keys)
    return Snapshot(ring, build_public_key_set(ring), verification_keys, signing_key)


def _verification_key(key: RingKey) -> VerificationKey:
    imported = import_verification_key(key.public, kid=key.kid)
    if imported.algorithm != key.algorithm:
        raise ValueError(f"the key {key.kid} is not one for {key.algorithm}")
    return imported


def _decrypt_active(ring: Ring, encryption_keys: EncryptionKeys) -> ActiveKey | None:
    active = ring.active
    try:
        private = encryption_keys.decrypt(active.kid, active.encrypted_private or "")
    except DecryptionFailed:
        return None
    return ActiveKey(active.kid, active.algorithm, import_private_key(active.algorithm, private))
