"""Makes and imports private keys, and signs access tokens with the active one, in a thread where that is faster.

Between handing over and signature the event loop goes on, and the ring may change. A signature whose key is no longer
the active one by then is thrown away, so that none is given out that was not allowed at this moment (invariant 5).
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from joserfc.jwk import JWKRegistry, Key, import_key
from joserfc.jws import JWSRegistry
from pydantic_core import to_json

from auth_service.keys.lifecycle import NewKey
from shared.jose import base64url
from shared.jose.algorithms import KEY_KINDS, signature_algorithm
from shared.jose.keys import CachedKey
from shared.loop_metrics import LoopCounter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prometheus_client import CollectorRegistry

    from auth_service.encryption import EncryptionKeys
    from auth_service.keys.signing_thread import SigningThread
    from auth_service.keys.signing_trials import SigningTrials

RSA_BITS: Final = 2048


def new_key(algorithm: str, encryption_keys: EncryptionKeys) -> NewKey:
    """Generate a key pair for RS256, ES256 or EdDSA. An RSA pair takes about 0.1 s of CPU time."""
    kind = KEY_KINDS.get(algorithm)
    if kind is None:
        raise ValueError(f"{algorithm!r} is not an algorithm for access tokens")
    key = JWKRegistry.generate_key(kind.kty, kind.crv or RSA_BITS)
    public = cast("dict[str, str]", key.as_dict(private=False))
    kid = key_id(public)
    encrypted = encryption_keys.encrypt(kid, cast("dict[str, Any]", key.as_dict(private=True)))
    return NewKey(kid=kid, algorithm=algorithm, public=public, encrypted_private=encrypted)


def import_private_key(algorithm: str, jwk: Mapping[str, Any]) -> Key:
    """A private JWK as a key object. Raises ValueError or joserfc.errors.JoseError."""
    if signature_algorithm(jwk) != algorithm:
        raise ValueError(f"the key is not one for {algorithm}")
    return import_key(dict(jwk))


def key_id(public: Mapping[str, str]) -> str:
    """The `kid`: 80 bits of the public key's SHA-256 digest in base32, which needs no quoting on a command line.

    It is derived from the key, so a `kid` never stands for two keys.
    """
    canonical = json.dumps(dict(sorted(public.items())), separators=(",", ":")).encode()
    return base64.b32encode(hashlib.sha256(canonical).digest()[:10]).decode().lower()


class ActiveKey:
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


class Signer(Protocol):
    """Signs with the active key, in the thread of the event loop."""

    @property
    def algorithm(self) -> str:
        """The algorithm of the active key. Raises ServiceUnavailable."""

    def ready(self) -> None:
        """Raise ServiceUnavailable if no active key is loaded: called before anything is consumed (invariant 8)."""

    def sign(self, claims: Mapping[str, Any], *, typ: str) -> str:
        """A compact JWS with `kid`, `alg` and `typ` in its header, signed with the active key.

        Raises ServiceUnavailable.
        """


class ActiveKeySigner(Signer, Protocol):
    """A Signer that also hands out the active key."""

    def signing_key(self) -> ActiveKey:
        """The active key, for a signature that is made now. Raises ServiceUnavailable."""


class AsyncSigner(Protocol):
    """Signs with the active key, and lets the event loop go on where that is faster."""

    def ready(self) -> None:
        """Raise ServiceUnavailable if no active key is loaded: called before anything is consumed (invariant 8)."""

    async def sign(self, claims: Mapping[str, Any], *, typ: str) -> str:
        """A compact JWS with `kid`, `alg` and `typ` in its header. Raises ServiceUnavailable."""


class ThreadedSigner:
    """An AsyncSigner that signs in a thread while trials show that to be faster."""

    def __init__(
        self,
        ring: ActiveKeySigner,
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
        """The signatures since the last call of the trials."""
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
        signature = await self._thread.sign(key.signature, text.encode())
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
