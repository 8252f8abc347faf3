"""What every replica does for the stored ring when it looks at it: make it, mend it, fit it to its settings.

All of it is compare-and-set (invariant 3): any number of replicas may do it at once.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from auth_service.key_encryption import DecryptionFailed
from auth_service.keys.key_generation import new_key
from auth_service.keys.lifecycle import extended_for_token_lifetime, first_ring, reencrypted, restored
from shared.errors import Misconfigured, ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    import structlog

    from auth_service.key_encryption import EncryptionKeys
    from auth_service.keys.lifecycle import Ring
    from auth_service.keys.repository import KeyRingRepository


class KeyRingReconciler:
    """Its `current` raises ServiceUnavailable, and Misconfigured until the secrets fitted once."""

    def __init__(
        self,
        *,
        storage: KeyRingRepository,
        encryption_keys: EncryptionKeys,
        algorithm: str,
        token_lifetime_ms: int,
        log: structlog.typing.FilteringBoundLogger,
        clock: Callable[[], float],
    ) -> None:
        self._storage = storage
        self._encryption_keys = encryption_keys
        self._algorithm = algorithm
        self._token_lifetime_ms = token_lifetime_ms
        self._log = log
        self._clock = clock
        self._is_open = False

    async def current(self, known: Ring | None) -> Ring:
        """The stored ring, put right if need be. `known` is what this process saw last."""
        ring = await self._storage.read()
        if known is not None and (ring is None or ring.version < known.version):
            ring = await self._put_back(known, 0 if ring is None else ring.version)
        elif ring is None:
            ring = await self._make_first()
        if not self._is_open:
            # Once: replicas with differently ordered secrets would reseal in turn without end.
            ring = await self._open(ring)
            self._is_open = True
        if self._cover_lifetime(ring) is not None:
            # At every look: the next key may have been made by a replica whose tokens live less long.
            ring = await self._storage.change(self._cover_lifetime) or ring
        return ring

    async def _make_first(self) -> Ring:
        """Several replicas may come here at once: one ring is written, and all take that one (invariant 3)."""
        first = first_ring(
            await asyncio.to_thread(new_key, self._algorithm, self._encryption_keys),
            await asyncio.to_thread(new_key, self._algorithm, self._encryption_keys),
            now_ms=int(self._clock() * 1000),
            token_lifetime_ms=self._token_lifetime_ms,
        )
        return await self._put_or_read(first, expected_version=0)

    async def _put_back(self, known: Ring, lost_version: int) -> Ring:
        """The store has lost writes that it had acknowledged: a ring goes forward only, so this copy counts."""
        self._log.error("key_ring_went_backwards", known=known.version, stored=lost_version)
        return await self._put_or_read(restored(known, lost_version=lost_version), expected_version=lost_version)

    async def _put_or_read(self, ring: Ring, *, expected_version: int) -> Ring:
        if await self._storage.put(ring, expected_version=expected_version):
            return ring
        stored = await self._storage.read()
        if stored is None:
            raise ServiceUnavailable("the key ring vanished while it was written", error_id="key_ring")
        return stored

    async def _open(self, ring: Ring) -> Ring:
        """Check that the secrets fit, and seal under the first of them."""
        held = {key.kid: key.sealed for key in ring.keys if key.sealed}
        if all(self._encryption_keys.position(sealed) is None for sealed in held.values()):
            raise Misconfigured("AUTH_KEY_ENCRYPTION_KEY: none of its secrets opens the stored signing keys")
        return await self._storage.change(self._reseal) or ring

    def _cover_lifetime(self, ring: Ring) -> Ring | None:
        return extended_for_token_lifetime(ring, token_lifetime_ms=self._token_lifetime_ms)

    def _reseal(self, ring: Ring) -> Ring | None:
        anew: dict[str, str] = {}
        for key in ring.keys:
            if key.sealed and self._encryption_keys.position(key.sealed) != 0:
                with suppress(DecryptionFailed):
                    private = self._encryption_keys.unseal(key.kid, key.sealed)
                    anew[key.kid] = self._encryption_keys.seal(key.kid, private)
        return reencrypted(ring, anew) if anew else None
