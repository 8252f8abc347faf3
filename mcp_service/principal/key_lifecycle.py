"""The life of the guard's own keys: pending, active, retiring, removed. Pure.

As invariant 5 demands of the issuer: a key is published before it signs, and until the last assertion that it signed
has expired. All times are whole seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

JWKS_MAX_AGE_SECONDS: Final = 300
"""How long a reader may keep the JWKS without asking again."""

OVERLAP_SECONDS: Final = JWKS_MAX_AGE_SECONDS + 60
"""How long a key is published before it signs, and after it has signed for the last time.

The first for the caches of readers and for replicas that have not read the new ring yet, the second for those replicas
and for the lifetime of an assertion. Clocks that differ by less than 45 seconds do no harm.
"""


class OwnKeyState(StrEnum):
    """The use of a key. Every key of the ring is published, whatever its state."""

    PENDING = "pending"
    ACTIVE = "active"
    RETIRING = "retiring"


class TooEarly(Exception):
    """The pending key has not been published for long enough. `seconds` is what is left."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class OwnKey:
    """One key of the ring."""

    kid: str
    state: OwnKeyState
    public: Mapping[str, str]
    private: Mapping[str, str] | None
    """The private JWK; None once retiring, because a key that signs no more needs no private part."""
    published: int
    activated: int | None = None
    remove: int | None = None
    """When a retiring key may be removed."""


@dataclass(frozen=True, slots=True)
class OwnKeys:
    """All keys at one version: active, pending, retiring."""

    version: int
    keys: tuple[OwnKey, ...]

    def __post_init__(self) -> None:
        states = [key.state for key in self.keys]
        if states.count(OwnKeyState.ACTIVE) != 1 or states.count(OwnKeyState.PENDING) != 1:
            raise ValueError(f"the ring has the states {', '.join(states)}")

    @property
    def active(self) -> OwnKey:
        """The key that signs."""
        return next(key for key in self.keys if key.state is OwnKeyState.ACTIVE)

    @property
    def pending(self) -> OwnKey:
        """The key that signs after the next rotation."""
        return next(key for key in self.keys if key.state is OwnKeyState.PENDING)


def first_ring(active: OwnKey, pending: OwnKey, *, now: int) -> OwnKeys:
    """The ring of a first start. No reader has an older JWKS, so the first key may sign at once."""
    return OwnKeys(1, (replace(active, state=OwnKeyState.ACTIVE, activated=now), pending))


def rotated(ring: OwnKeys, successor: OwnKey, *, now: int) -> OwnKeys:
    """Activate the pending key, retire the active one, publish `successor`. Raises TooEarly."""
    left = ring.pending.published + OVERLAP_SECONDS - now
    if left > 0:
        raise TooEarly(left)
    retired = replace(ring.active, state=OwnKeyState.RETIRING, private=None, remove=now + OVERLAP_SECONDS)
    promoted = replace(ring.pending, state=OwnKeyState.ACTIVE, activated=now)
    retiring = (key for key in ring.keys if key.state is OwnKeyState.RETIRING)
    return OwnKeys(ring.version + 1, (promoted, successor, retired, *retiring))


def pruned(ring: OwnKeys, *, now: int) -> OwnKeys:
    """The ring without the retiring keys whose last assertion has expired; the same object if there are none."""
    kept = tuple(key for key in ring.keys if key.remove is None or now < key.remove)
    return ring if len(kept) == len(ring.keys) else OwnKeys(ring.version + 1, kept)


def is_due(ring: OwnKeys, *, interval_seconds: int, now: int) -> bool:
    """Whether the active key is to be replaced now; never with an interval of 0."""
    published_long_enough = ring.pending.published + OVERLAP_SECONDS <= now
    return bool(interval_seconds) and published_long_enough and (ring.active.activated or 0) + interval_seconds <= now
