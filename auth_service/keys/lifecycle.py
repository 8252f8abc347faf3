"""The life of a signing key: pending → active → retiring → gone. Pure: a ring and a clock reading in, a ring out.

Invariant 5 is upheld here: a key is published (pending) before it signs, and stays published (retiring) until the
last token that it signed has expired. Every step returns a ring of the next version; storage makes it true with a
compare-and-set on the version, so that of several replicas taking a step one wins (invariant 3).

All times are whole milliseconds since 1970, all durations whole milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

LONGEST_UNNOTICED_MS: Final = 30_000
"""A replica that has not confirmed its copy of the ring for so long stops signing (see KeyRing)."""

CLOCK_SLACK_MS: Final = 60_000
"""How far apart the clocks of replicas and verifiers may be, the verifiers' leeway included."""


class KeyState(StrEnum):
    """What a key of the ring is for. Every key of the ring is published, whatever its state."""

    PENDING = "pending"
    ACTIVE = "active"
    RETIRING = "retiring"


class BrokenRing(Exception):
    """A ring without exactly one active and one pending key: nothing that a step here can make."""


class UnknownKey(Exception):
    """The ring has no key of this id."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that no ring holds yet. `sealed` is the encrypted private part (invariant 4)."""

    kid: str
    algorithm: str
    public: Mapping[str, str]
    sealed: str


@dataclass(frozen=True, slots=True)
class RingKey:
    """One key of the ring."""

    kid: str
    algorithm: str
    state: KeyState
    public: Mapping[str, str]
    sealed: str | None
    """None once retiring: what has signed its last token needs no private part any more."""
    published_ms: int
    published_version: int
    """The first version of the ring that has this key: whoever holds this version or a later one holds the key."""
    token_lifetime_ms: int
    """The longest life that any replica gives to a token signed with this key."""
    activated_ms: int | None = None
    remove_ms: int | None = None
    """When a retiring key may leave."""


@dataclass(frozen=True, slots=True)
class Ring:
    """All keys at one version. The keys stand in the order of the published set: active, pending, retiring."""

    version: int
    keys: tuple[RingKey, ...]

    def __post_init__(self) -> None:
        states = [key.state for key in self.keys]
        if states.count(KeyState.ACTIVE) != 1 or states.count(KeyState.PENDING) != 1:
            raise BrokenRing(f"version {self.version} has the states {', '.join(states)}")
        if len({key.kid for key in self.keys}) != len(self.keys):
            raise BrokenRing(f"version {self.version} has one kid twice")

    @property
    def active(self) -> RingKey:
        """The one key that signs."""
        return next(key for key in self.keys if key.state is KeyState.ACTIVE)

    @property
    def pending(self) -> RingKey:
        """The one key that signs next."""
        return next(key for key in self.keys if key.state is KeyState.PENDING)

    @property
    def retiring(self) -> tuple[RingKey, ...]:
        """The keys that signed before, the latest first."""
        return tuple(key for key in self.keys if key.state is KeyState.RETIRING)


def first_ring(active: NewKey, pending: NewKey, *, now_ms: int, token_lifetime_ms: int) -> Ring:
    """The ring of a first start. No verifier can hold an older set, so the first key may sign at once."""
    return Ring(
        version=1,
        keys=(
            replace(_pending(active, 1, now_ms, token_lifetime_ms), state=KeyState.ACTIVE, activated_ms=now_ms),
            _pending(pending, 1, now_ms, token_lifetime_ms),
        ),
    )


def replace_pending(ring: Ring, successor: NewKey, *, now_ms: int, token_lifetime_ms: int) -> Ring:
    """Publish another key as the next one: the way to another algorithm. The replaced key never signed."""
    version = ring.version + 1
    return Ring(version, (ring.active, _pending(successor, version, now_ms, token_lifetime_ms), *ring.retiring))


def promote(ring: Ring, successor: NewKey, *, now_ms: int, token_lifetime_ms: int) -> Ring:
    """Let the pending key sign, retire the active one, publish the next pending one.

    Whether the pending key may be promoted yet is `propagation.py`'s question, asked before.
    """
    version = ring.version + 1
    return Ring(
        version,
        (
            replace(ring.pending, state=KeyState.ACTIVE, activated_ms=now_ms),
            _pending(successor, version, now_ms, token_lifetime_ms),
            _retire(ring.active, now_ms),
            *ring.retiring,
        ),
    )


def revoke(ring: Ring, kid: str, successor: NewKey, *, now_ms: int, token_lifetime_ms: int) -> Ring:
    """Withdraw a key at once, with all tokens that it signed. Raises UnknownKey.

    If it was the active one the pending key signs from now on, wherever it has arrived: a compromised key is worse
    than a verifier that has to ask. `successor` takes the pending place if that became free.
    """
    version = ring.version + 1
    next_pending = _pending(successor, version, now_ms, token_lifetime_ms)
    if kid == ring.active.kid:
        promoted = replace(ring.pending, state=KeyState.ACTIVE, activated_ms=now_ms)
        return Ring(version, (promoted, next_pending, *ring.retiring))
    if kid == ring.pending.kid:
        return Ring(version, (ring.active, next_pending, *ring.retiring))
    kept = tuple(key for key in ring.retiring if key.kid != kid)
    if len(kept) == len(ring.retiring):
        raise UnknownKey(kid)
    return Ring(version, (ring.active, ring.pending, *kept))


def prune(ring: Ring, *, now_ms: int) -> Ring | None:
    """Drop the retiring keys whose last token has expired; None if there are none."""
    kept = tuple(key for key in ring.keys if key.remove_ms is None or now_ms < key.remove_ms)
    return None if len(kept) == len(ring.keys) else Ring(ring.version + 1, kept)


def extended_for_token_lifetime(ring: Ring, *, token_lifetime_ms: int) -> Ring | None:
    """Remember that a replica gives its tokens a longer life than was known; None if it was known.

    While a new setting is rolled out, a replica with the old one may retire the key: it must not drop it early.
    """
    keys = tuple(
        replace(key, token_lifetime_ms=token_lifetime_ms)
        if key.state is not KeyState.RETIRING and key.token_lifetime_ms < token_lifetime_ms
        else key
        for key in ring.keys
    )
    return None if keys == ring.keys else Ring(ring.version + 1, keys)


def reencrypted(ring: Ring, sealed: Mapping[str, str]) -> Ring:
    """The same keys with their private parts encrypted anew. `sealed` maps kids to the new form."""
    return Ring(ring.version + 1, tuple(replace(key, sealed=sealed.get(key.kid, key.sealed)) for key in ring.keys))


def restored(ring: Ring, *, lost_version: int) -> Ring:
    """The ring that a replica remembers, put back over an older one after the store lost its latest writes."""
    return replace(ring, version=max(ring.version, lost_version) + 1)


def rotation_due_ms(ring: Ring, *, interval_ms: int) -> int:
    """When the active key has signed long enough."""
    return (ring.active.activated_ms or 0) + interval_ms


def next_removal_ms(ring: Ring) -> int | None:
    """When the next retiring key leaves; None if none is retiring."""
    return min((key.remove_ms for key in ring.retiring if key.remove_ms is not None), default=None)


def _pending(key: NewKey, version: int, now_ms: int, token_lifetime_ms: int) -> RingKey:
    return RingKey(
        kid=key.kid,
        algorithm=key.algorithm,
        state=KeyState.PENDING,
        public=key.public,
        sealed=key.sealed,
        published_ms=now_ms,
        published_version=version,
        token_lifetime_ms=token_lifetime_ms,
    )


def _retire(key: RingKey, now_ms: int) -> RingKey:
    # A replica that has lost the store may sign with this key a little longer, and clocks differ: both are added.
    remove_ms = now_ms + key.token_lifetime_ms + LONGEST_UNNOTICED_MS + CLOCK_SLACK_MS
    return replace(key, state=KeyState.RETIRING, sealed=None, remove_ms=remove_ms)
