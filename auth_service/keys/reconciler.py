"""Reconciles the stored key ring on each poll: creates it, recovers it, adapts it to the current settings.

Every write is a compare-and-set (invariant 3): any number of replicas may reconcile at once.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from auth_service.encryption import DecryptionFailed
from auth_service.keys.lifecycle import extended_for_token_lifetime, initial_ring, recovered, reencrypted
from auth_service.keys.signer import new_key
from shared.errors import Misconfigured, ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    import structlog

    from auth_service.encryption import EncryptionKeys
    from auth_service.keys.lifecycle import Ring, RotationPolicy
    from auth_service.keys.repository import KeyRingRepository


class KeyRingReconciler:
    """Reads the stored ring and writes what has to change."""

    def __init__(
        self,
        *,
        repository: KeyRingRepository,
        encryption_keys: EncryptionKeys,
        policy: RotationPolicy,
        log: structlog.typing.FilteringBoundLogger,
        clock: Callable[[], float],
    ) -> None:
        self._repository = repository
        self._encryption_keys = encryption_keys
        self._policy = policy
        self._log = log
        self._clock = clock
        self._is_decryptable = False

    async def reconcile(self, known: Ring | None) -> Ring:
        """The stored ring after reconciliation. `known` is the ring that this process read last.

        Raises ServiceUnavailable, and Misconfigured until the configured secrets have decrypted the ring once.
        """
        ring = await self._repository.read()
        if known is not None and (ring is None or ring.version < known.version):
            ring = await self._recover(known, 0 if ring is None else ring.version)
        elif ring is None:
            ring = await self._create()
        if not self._is_decryptable:
            # Once: replicas that list the secrets in different orders would otherwise reencrypt in turn without end.
            ring = await self._check_and_reencrypt(ring)
            self._is_decryptable = True
        if self._extend(ring) is not None:
            # On every poll: a replica whose tokens have a shorter lifetime may have created the pending key.
            ring = await self._repository.change(self._extend) or ring
        return ring

    async def _create(self) -> Ring:
        """Create the ring. Several replicas may do so at once: one writes it, and all use that one (invariant 3)."""
        ring = initial_ring(
            await asyncio.to_thread(new_key, self._policy.algorithm, self._encryption_keys),
            await asyncio.to_thread(new_key, self._policy.algorithm, self._encryption_keys),
            now_ms=int(self._clock() * 1000),
            token_lifetime_ms=self._policy.token_lifetime_ms,
        )
        return await self._put_or_read(ring, expected_version=0)

    async def _recover(self, known: Ring, stored_version: int) -> Ring:
        """Restore the known ring: versions only grow, so Redis has lost acknowledged writes."""
        self._log.error("key_ring_rollback_detected", known=known.version, stored=stored_version)
        return await self._put_or_read(recovered(known, lost_version=stored_version), expected_version=stored_version)

    async def _put_or_read(self, ring: Ring, *, expected_version: int) -> Ring:
        if await self._repository.put(ring, expected_version=expected_version):
            return ring
        stored = await self._repository.read()
        if stored is None:
            raise ServiceUnavailable("the key ring disappeared while it was being written", error_id="key_ring")
        return stored

    async def _check_and_reencrypt(self, ring: Ring) -> Ring:
        encrypted = [key.encrypted_private for key in ring.keys if key.encrypted_private]
        if all(self._encryption_keys.position(jwe) is None for jwe in encrypted):
            raise Misconfigured("AUTH_KEY_ENCRYPTION_KEY: none of its secrets decrypts the stored signing keys")
        return await self._repository.change(self._reencrypt) or ring

    def _extend(self, ring: Ring) -> Ring | None:
        return extended_for_token_lifetime(ring, token_lifetime_ms=self._policy.token_lifetime_ms)

    def _reencrypt(self, ring: Ring) -> Ring | None:
        """Encrypt under the first secret the keys that are under another one; None if there are none."""
        encrypted: dict[str, str] = {}
        for key in ring.keys:
            if key.encrypted_private and self._encryption_keys.position(key.encrypted_private) != 0:
                with suppress(DecryptionFailed):
                    private = self._encryption_keys.decrypt(key.kid, key.encrypted_private)
                    encrypted[key.kid] = self._encryption_keys.encrypt(key.kid, private)
        return reencrypted(ring, encrypted) if encrypted else None
