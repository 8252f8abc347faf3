"""Signs access tokens with the active key, in a thread where that is faster.

Between handing over and signature the event loop goes on, and the ring may change. A signature whose key is no longer
the active one by then is thrown away, so that none is given out that was not allowed at this moment (invariant 5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from auth_service.keys.signing_key import compact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from auth_service.keys.key_ring import KeyRing
    from auth_service.keys.signing_thread import SigningThread
    from auth_service.keys.signing_trials import SigningTrials


class AsyncSigner(Protocol):
    """Signs with the active key, and lets the event loop go on where that is faster."""

    def ready(self) -> None:
        """Raise ServiceUnavailable if no active key is loaded: called before anything is consumed (invariant 8)."""

    async def sign(self, claims: Mapping[str, Any], *, typ: str) -> str:
        """A compact JWS with `kid`, `alg` and `typ` in its header. Raises ServiceUnavailable."""


class ThreadedSigner:
    """An AsyncSigner."""

    def __init__(
        self, ring: KeyRing, *, thread: SigningThread, trials: SigningTrials, monotonic: Callable[[], float]
    ) -> None:
        """`monotonic` is in seconds."""
        self._ring = ring
        self._thread = thread
        self._trials = trials
        self._monotonic = monotonic

    def ready(self) -> None:
        """Raise ServiceUnavailable unless the active key is loaded and confirmed to be current."""
        self._ring.ready()

    async def sign(self, claims: Mapping[str, Any], *, typ: str) -> str:
        """A compact JWS signed with the key that is active when this returns. Raises ServiceUnavailable."""
        if not (self._trials.in_thread(self._monotonic()) and self._thread.has_room):
            return self._ring.sign(claims, typ=typ)
        key = self._ring.signing_key()
        text = key.signing_input(claims, typ=typ)
        signature = await self._thread.signature(key, text.encode())
        if self._ring.signing_key() is not key:
            return self._ring.sign(claims, typ=typ)
        return compact(text, signature)

    def close(self) -> None:
        """End the thread. Later signatures are made without it."""
        self._thread.close()
