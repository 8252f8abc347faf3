"""Signs access tokens with the active key, in a thread where that is faster.

Between handing over and signature the event loop goes on, and the ring may change. A signature whose key is no longer
the active one by then is thrown away, so that none is given out that was not allowed at this moment (invariant 5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from joserfc.jws import JWSRegistry
from pydantic_core import to_json

from shared.jose import base64url
from shared.jose.keys import CachedKey
from shared.loop_metrics import LoopCounter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from joserfc.jwk import Key
    from prometheus_client import CollectorRegistry

    from auth_service.keys.key_ring import KeyRing
    from auth_service.keys.signing_thread import SigningThread
    from auth_service.keys.signing_trials import SigningTrials


class SigningKey:
    """The private half of the active key. The key object of the library is made once."""

    def __init__(self, kid: str, algorithm: str, key: Key) -> None:
        self.kid = kid
        self._algorithm = algorithm
        self._key: Any = CachedKey(key, "sign")
        self._sign = JWSRegistry.algorithms[algorithm].sign
        self._headers: dict[str, str] = {}

    def sign(self, claims: Mapping[str, Any], *, typ: str) -> str:
        """A compact JWS."""
        text = self.signing_input(claims, typ=typ)
        return _compact(text, self.signature(text.encode()))

    def signing_input(self, claims: Mapping[str, Any], *, typ: str) -> str:
        """Header and payload (RFC 7515 section 5.1). The header is encoded once per `typ`: callers use a few."""
        header = self._headers.get(typ)
        if header is None:
            header = self._headers[typ] = self._encoded_header(typ)
        return header + base64url.encode(to_json(claims))

    def signature(self, signing_input: bytes) -> bytes:
        """The signature only; any thread may call this."""
        return self._sign(signing_input, self._key)

    def _encoded_header(self, typ: str) -> str:
        header = {"alg": self._algorithm, "kid": self.kid, "typ": typ}
        return base64url.encode(to_json(header)) + "."


def _compact(signing_input: str, signature: bytes) -> str:
    """The compact serialization (RFC 7515 section 7.1)."""
    return f"{signing_input}.{base64url.encode(signature)}"


class AsyncSigner(Protocol):
    """Signs with the active key, and lets the event loop go on where that is faster."""

    def ready(self) -> None:
        """Raise ServiceUnavailable if no active key is loaded: called before anything is consumed (invariant 8)."""

    async def sign(self, claims: Mapping[str, Any], *, typ: str) -> str:
        """A compact JWS with `kid`, `alg` and `typ` in its header. Raises ServiceUnavailable."""


class ThreadedSigner:
    """An AsyncSigner."""

    def __init__(
        self,
        ring: KeyRing,
        *,
        thread: SigningThread,
        trials: SigningTrials,
        monotonic: Callable[[], float],
        registry: CollectorRegistry,
    ) -> None:
        """`monotonic` is in seconds."""
        self._ring = ring
        self._thread = thread
        self._trials = trials
        self._monotonic = monotonic
        self._is_in_thread = False
        self._ask_at = float("-inf")
        self._signatures = 0
        """Since the trials were asked."""
        self._made = LoopCounter(
            "sallyport_access_token_signatures",
            "Signatures of access tokens by where they were made: event_loop or thread.",
            ("place",),
            registry=registry,
        ).counts

    def ready(self) -> None:
        """Raise ServiceUnavailable unless the active key is loaded and confirmed to be current."""
        self._ring.ready()

    async def sign(self, claims: Mapping[str, Any], *, typ: str) -> str:
        """A compact JWS signed with the key that is active when this returns. Raises ServiceUnavailable."""
        now = self._monotonic()
        if now >= self._ask_at:
            self._is_in_thread, self._ask_at = self._trials.next_turn(now, self._signatures)
            self._signatures = 0
        self._signatures += 1
        if not (self._is_in_thread and self._thread.has_room):
            return self._sign_in_event_loop(claims, typ=typ)
        key = self._ring.signing_key()
        text = key.signing_input(claims, typ=typ)
        signature = await self._thread.signature(key, text.encode())
        if self._ring.signing_key() is not key:
            return self._sign_in_event_loop(claims, typ=typ)
        self._made["thread",] += 1
        return _compact(text, signature)

    def _sign_in_event_loop(self, claims: Mapping[str, Any], *, typ: str) -> str:
        token = self._ring.sign(claims, typ=typ)
        self._made["event_loop",] += 1
        return token

    def close(self) -> None:
        """End the thread. Later signatures are made without it."""
        self._thread.close()
