"""The signing keys of one process: a copy of the stored ring, kept fresh, that signs, verifies and is published.

Changes arrive by publish/subscribe at once and by polling within a second if the message was lost. A copy that could
not be confirmed for a while stops signing: the key might have been replaced or revoked (invariant 5). It goes on
verifying and being published, for that needs no certainty.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from auth_service.keys.jws import parse_compact_jws
from auth_service.keys.lifecycle import LONGEST_UNNOTICED_MS
from auth_service.keys.reconciler import KeyRingReconciler
from auth_service.keys.snapshot import Snapshot, take_snapshot
from shared.access_token import InvalidToken
from shared.background import end_tasks
from shared.errors import Misconfigured, RedisUnavailable, ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import structlog

    from auth_service.key_encryption import EncryptionKeys
    from auth_service.keys.lifecycle import Ring
    from auth_service.keys.public_key_set import PublicKeySet
    from auth_service.keys.repository import KeyRingRepository
    from shared.background import TaskSupervisor

POLL_SECONDS: Final = 1.0
CATCH_UP_SECONDS: Final = 0.1


class KeyRing:
    """Implements keys.signer.Signer."""

    def __init__(
        self,
        *,
        storage: KeyRingRepository,
        encryption_keys: EncryptionKeys,
        algorithm: str,
        token_lifetime_seconds: int,
        log: structlog.typing.FilteringBoundLogger,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        """`algorithm` is that of a first ring; later ones come with a rotation."""
        self._storage = storage
        self._encryption_keys = encryption_keys
        self._steward = KeyRingReconciler(
            storage=storage,
            encryption_keys=encryption_keys,
            algorithm=algorithm,
            token_lifetime_ms=token_lifetime_seconds * 1000,
            log=log,
            clock=clock,
        )
        self._log = log
        self._monotonic = monotonic
        self._poll_seconds = poll_seconds
        self._snapshot: Snapshot | None = None
        self._looked_at = self._confirmed_at = float("-inf")
        self._changed = asyncio.Event()
        self._refreshing = asyncio.Lock()
        self._catching_up = asyncio.Lock()
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    async def start(self, supervisor: TaskSupervisor) -> None:
        """Load the ring, making the first one if there is none, and keep it fresh until `stop`.

        With the store away this returns too, and the ring is loaded when it is back (invariant 8). Raises
        Misconfigured if the stored keys cannot be opened with the configured secrets.
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
        """End the background work."""
        await end_tasks(self._tasks)
        self._tasks = ()

    def ready(self) -> None:
        """Raise ServiceUnavailable unless the active key is loaded and known to be current (invariant 8)."""
        if self._snapshot is None:
            raise ServiceUnavailable("no key ring has been loaded yet", error_id="keys_loaded")
        if self._snapshot.signing_key is None:
            raise ServiceUnavailable(
                "the active key cannot be opened with AUTH_KEY_ENCRYPTION_KEY", error_id="keys_unsealed"
            )
        if (self._monotonic() - self._confirmed_at) * 1000 > LONGEST_UNNOTICED_MS:
            raise ServiceUnavailable("the key ring could not be confirmed for too long", error_id="keys_confirmed")

    def sign(self, claims: Mapping[str, Any], *, typ: str) -> str:
        """A compact JWS signed with the active key. Raises ServiceUnavailable."""
        self.ready()
        snapshot = self._snapshot
        if snapshot is None or snapshot.signing_key is None:
            raise AssertionError("ready() has let an empty ring pass")
        return snapshot.signing_key.sign(claims, typ=typ)

    def verify(self, unverified_token: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Check the signature against the published keys.

        Raises InvalidToken; ServiceUnavailable while no ring is loaded.
        """
        published = self._loaded().verifying_keys
        unverified = parse_compact_jws(unverified_token)
        kid = unverified.header.get("kid")
        key = published.get(kid) if isinstance(kid, str) else None
        if key is None:
            raise InvalidToken("kid", "the key that it names is not published")
        if unverified.header.get("alg") != key.algorithm or "crit" in unverified.header:
            raise InvalidToken("alg", "the header does not agree with the key that it names")
        if not key.verifies(unverified.signing_input, unverified.signature):
            raise InvalidToken("signature", "the signature does not fit")
        return unverified.header, unverified.claims

    @property
    def ring(self) -> Ring:
        """The ring as last seen. Raises ServiceUnavailable while none is loaded."""
        return self._loaded().ring

    @property
    def public_key_set(self) -> PublicKeySet:
        """What is to be published now. Raises ServiceUnavailable while no ring is loaded."""
        return self._loaded().public_key_set

    @property
    def changed(self) -> asyncio.Event:
        """Set at the next change of the ring; take it before looking at what may change."""
        return self._changed

    def wake(self) -> None:
        """Let all who wait for a change look again now."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def catch_up(self) -> None:
        """Look at the stored ring once from now on: somebody may have seen a later version.

        Who asks meanwhile shares that look, and there are few of them in a second, whoever asks however often.
        """
        asked_at = self._monotonic()
        await asyncio.sleep(max(0.0, self._looked_at + CATCH_UP_SECONDS - asked_at))
        async with self._catching_up:
            if self._looked_at < asked_at:
                await self._refresh_quietly()

    async def refresh(self) -> None:
        """Look at the stored ring now. Raises ServiceUnavailable; Misconfigured at the first look, see `start`."""
        async with self._refreshing:
            looked_at = self._looked_at = self._monotonic()
            known = self._snapshot.ring if self._snapshot else None
            ring = await self._steward.current(known)
            if ring != known:
                self._adopt(ring)
            self._confirmed_at = looked_at

    def _loaded(self) -> Snapshot:
        if self._snapshot is None:
            raise ServiceUnavailable("no key ring has been loaded yet", error_id="keys_loaded")
        return self._snapshot

    def _adopt(self, ring: Ring) -> None:
        self._snapshot = take_snapshot(ring, self._encryption_keys, self._snapshot)
        self._log.info("key_ring", version=ring.version, active=ring.active.kid, pending=ring.pending.kid)
        self.wake()

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._poll_seconds)
            await self._refresh_quietly()

    async def _listen(self) -> None:
        while True:
            with suppress(RedisUnavailable):
                async with self._storage.changes() as changes:
                    # What happened before the subscription stood was not announced to it.
                    await self._refresh_quietly()
                    async for _ in changes:
                        await self._refresh_quietly()
            await asyncio.sleep(self._poll_seconds)

    async def _refresh_quietly(self) -> None:
        try:
            await self.refresh()
        except ServiceUnavailable as exc:
            self._log.warning("key_ring_not_refreshed", reason=exc.reason)
        except Misconfigured as exc:
            self._log.error("key_ring_not_opened", reason=str(exc))
