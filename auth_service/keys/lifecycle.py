"""The life cycle of a signing key: pending → active → retiring → removed. Pure.

Upholds invariant 5: a key is published (pending) before it signs, and stays published (retiring) until the last token
that it signed has expired. Every step returns a ring of the next version; the repository writes it with a
compare-and-set on the version, so that one replica wins when several take a step (invariant 3).

All times are whole milliseconds since 1970, all durations whole milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

MAX_UNCONFIRMED_MS: Final = 30_000
"""A replica that has not confirmed its copy of the ring for this long stops signing (see KeyRing)."""

CLOCK_SKEW_MS: Final = 60_000
"""The largest difference between the clocks of replicas and verifiers, including the verifiers' leeway."""


class RingKeyState(StrEnum):
    """The use of a key. Every key of the ring is published, whatever its state."""

    PENDING = "pending"
    ACTIVE = "active"
    RETIRING = "retiring"


class InvalidRing(Exception):
    """A ring without exactly one active and one pending key. No step in this module makes one."""


class UnknownKey(Exception):
    """The ring has no key with this `kid`."""


@dataclass(frozen=True, slots=True)
class RotationPolicy:
    """The settings of rotation. Durations in milliseconds."""

    algorithm: str
    """The algorithm of new keys."""
    interval_ms: int
    publish_lead_ms: int
    token_lifetime_ms: int


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key pair that is not in a ring yet."""

    kid: str
    algorithm: str
    public: Mapping[str, str]
    encrypted_private: str
    """A JWE (invariant 4)."""


@dataclass(frozen=True, slots=True)
class RingKey:
    """One key of the ring."""

    kid: str
    algorithm: str
    state: RingKeyState
    public: Mapping[str, str]
    encrypted_private: str | None
    """A JWE; None once retiring, because a key that signs no more needs no private part."""
    published_ms: int
    published_version: int
    """The first ring version that contains this key. A verifier with this or a later version has the key."""
    token_lifetime_ms: int
    """The longest lifetime that any replica gives to a token signed with this key."""
    activated_ms: int | None = None
    remove_ms: int | None = None
    """When a retiring key may be removed."""


@dataclass(frozen=True, slots=True)
class Ring:
    """All keys at one version, in the order of the published JWKS: active, pending, retiring."""

    version: int
    keys: tuple[RingKey, ...]

    def __post_init__(self) -> None:
        states = [key.state for key in self.keys]
        if states.count(RingKeyState.ACTIVE) != 1 or states.count(RingKeyState.PENDING) != 1:
            raise InvalidRing(f"version {self.version} has the states {', '.join(states)}")
        if len({key.kid for key in self.keys}) != len(self.keys):
            raise InvalidRing(f"version {self.version} repeats a kid")

    @property
    def active(self) -> RingKey:
        """The key that signs."""
        return next(key for key in self.keys if key.state is RingKeyState.ACTIVE)

    @property
    def pending(self) -> RingKey:
        """The key that signs after the next rotation."""
        return next(key for key in self.keys if key.state is RingKeyState.PENDING)

    @property
    def retiring(self) -> tuple[RingKey, ...]:
        """The keys that signed before, the latest first."""
        return tuple(key for key in self.keys if key.state is RingKeyState.RETIRING)


def initial_ring(active: NewKey, pending: NewKey, *, now_ms: int, token_lifetime_ms: int) -> Ring:
    """The ring of a first start. No verifier has an older JWKS, so the first key may sign at once."""
    return Ring(
        version=1,
        keys=(
            replace(_as_pending(active, 1, now_ms, token_lifetime_ms), state=RingKeyState.ACTIVE, activated_ms=now_ms),
            _as_pending(pending, 1, now_ms, token_lifetime_ms),
        ),
    )


def replace_pending(ring: Ring, successor: NewKey, *, now_ms: int, token_lifetime_ms: int) -> Ring:
    """Publish another pending key, to change the algorithm. The replaced key has never signed."""
    version = ring.version + 1
    return Ring(version, (ring.active, _as_pending(successor, version, now_ms, token_lifetime_ms), *ring.retiring))


def promote(ring: Ring, successor: NewKey, *, now_ms: int, token_lifetime_ms: int) -> Ring:
    """Activate the pending key, retire the active one, and publish `successor` as the pending one.

    The caller has checked with `propagation.py` that the pending key may be promoted.
    """
    version = ring.version + 1
    return Ring(
        version,
        (
            replace(ring.pending, state=RingKeyState.ACTIVE, activated_ms=now_ms),
            _as_pending(successor, version, now_ms, token_lifetime_ms),
            _retire(ring.active, now_ms),
            *ring.retiring,
        ),
    )


def revoke(ring: Ring, kid: str, successor: NewKey, *, now_ms: int, token_lifetime_ms: int) -> Ring:
    """Remove a key at once, and with it all tokens that it signed. Raises UnknownKey.

    If it was the active key, the pending one is activated without regard to its propagation: a compromised key is
    worse than a verifier that has to fetch the JWKS. `successor` becomes the pending key if that place is free.
    """
    version = ring.version + 1
    next_pending = _as_pending(successor, version, now_ms, token_lifetime_ms)
    if kid == ring.active.kid:
        promoted = replace(ring.pending, state=RingKeyState.ACTIVE, activated_ms=now_ms)
        return Ring(version, (promoted, next_pending, *ring.retiring))
    if kid == ring.pending.kid:
        return Ring(version, (ring.active, next_pending, *ring.retiring))
    kept = tuple(key for key in ring.retiring if key.kid != kid)
    if len(kept) == len(ring.retiring):
        raise UnknownKey(kid)
    return Ring(version, (ring.active, ring.pending, *kept))


def prune(ring: Ring, *, now_ms: int) -> Ring | None:
    """Remove the retiring keys whose last token has expired; None if there are none."""
    kept = tuple(key for key in ring.keys if key.remove_ms is None or now_ms < key.remove_ms)
    return None if len(kept) == len(ring.keys) else Ring(ring.version + 1, kept)


def extended_for_token_lifetime(ring: Ring, *, token_lifetime_ms: int) -> Ring | None:
    """Record a token lifetime longer than the recorded one; None if it is not longer.

    During the rollout of a longer lifetime a replica with the old setting may retire the key: it must not remove it
    before the tokens of the new setting have expired.
    """
    keys = tuple(
        replace(key, token_lifetime_ms=token_lifetime_ms)
        if key.state is not RingKeyState.RETIRING and key.token_lifetime_ms < token_lifetime_ms
        else key
        for key in ring.keys
    )
    return None if keys == ring.keys else Ring(ring.version + 1, keys)


def reencrypted(ring: Ring, encrypted: Mapping[str, str]) -> Ring:
    """The ring with its private keys encrypted anew. `encrypted` maps each `kid` to the new JWE."""
    keys = (replace(key, encrypted_private=encrypted.get(key.kid, key.encrypted_private)) for key in ring.keys)
    return Ring(ring.version + 1, tuple(keys))


def recovered(ring: Ring, *, lost_version: int) -> Ring:
    """A replica's copy, to be written over an older stored ring after Redis lost its latest writes."""
    return replace(ring, version=max(ring.version, lost_version) + 1)


def rotation_due_ms(ring: Ring, *, interval_ms: int) -> int:
    """When the active key is due to be replaced."""
    return (ring.active.activated_ms or 0) + interval_ms


def next_removal_ms(ring: Ring) -> int | None:
    """When the next retiring key is removed; None if none is retiring."""
    return min((key.remove_ms for key in ring.retiring if key.remove_ms is not None), default=None)


def _as_pending(key: NewKey, version: int, now_ms: int, token_lifetime_ms: int) -> RingKey:
    return RingKey(
        kid=key.kid,
        algorithm=key.algorithm,
        state=RingKeyState.PENDING,
        public=key.public,
        encrypted_private=key.encrypted_private,
        published_ms=now_ms,
        published_version=version,
        token_lifetime_ms=token_lifetime_ms,
    )


def _retire(key: RingKey, now_ms: int) -> RingKey:
    # A replica that cannot reach Redis may sign with this key a little longer, and clocks differ: both are added.
    remove_ms = now_ms + key.token_lifetime_ms + MAX_UNCONFIRMED_MS + CLOCK_SKEW_MS
    return replace(key, state=RingKeyState.RETIRING, encrypted_private=None, remove_ms=remove_ms)
