"""The budget of open registration: the bytes that never used registrations may occupy.

| key | type | what | life |
|---|---|---|---|
| `sp:{registrations}:entries` | hash | of each unused registration its share, networks, stamp and charge | see below |
| `sp:{registrations}:by_site` | sorted set | the same by site and age | see below |
| `sp:{registrations}:open_sites` | sorted set | bytes of each site | see below |
| `sp:{registrations}:shared_sites` | sorted set | bytes of each site in shared networks | see below |
| `sp:{registrations}:bytes` | hash | bytes of each share and of each subscriber; the last stamp | see below |
| `sp:{registrations}:evicted` | sorted set | evicted entries whose client is still to be deleted | until that is done |
| `sp:{registrations}:by_expiry` | sorted set | ids of all registrations by expiry | entries go when expired |

An entry lives until its registration is first used, ends, expires or is evicted. All keys have one hash tag, so that a
script can use them in a cluster; the client records are elsewhere. An eviction therefore has two steps: the entry moves
to `evicted` in the step that needs the room, then the client is deleted if it was not used meanwhile. A replica that
stops in between leaves the second step to the next registration.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from shared.errors import RedisUnavailable
from shared.http.client_address import site_of
from shared.redis.client import load_script

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.redis.client import RedisClient

DEFAULT_BUDGET_BYTES: Final = 64 << 20
CHARGE_UNIT_BYTES: Final = 2048
"""The unit to which charges are rounded up, so that ordinary registrations cost the same whatever their names."""

OVERHEAD_BYTES: Final = 1280
"""The bytes of a registration in Redis besides its record: key, other fields, entry and indexes (measured)."""

LEFT_BEHIND_SECONDS: Final = 5
"""An eviction that was not carried out after this time is left to others: its replica stopped, or Redis was away."""

GIVE_UP_SECONDS: Final = 60
"""An evicted registration may be about to be stored; after this time it will not be."""

BY_EXPIRY: Final = "sp:{registrations}:by_expiry"
_ENTRIES: Final = "sp:{registrations}:entries"
_EVICTED: Final = "sp:{registrations}:evicted"
_KEYS: Final = (
    _ENTRIES,
    "sp:{registrations}:by_site",
    BY_EXPIRY,
    "sp:{registrations}:open_sites",
    "sp:{registrations}:shared_sites",
    "sp:{registrations}:bytes",
    _EVICTED,
)
_FORGET_KEYS: Final = (_ENTRIES, BY_EXPIRY, _EVICTED)

_ACCOUNT: Final = load_script("auth_service.clients", "account_registration")
_EVICT: Final = load_script("auth_service.clients", "evict_client")
_FORGET: Final = load_script("auth_service.clients", "forget_evicted")


@dataclass(frozen=True, slots=True)
class RegistrationSource:
    """The networks that a registration is charged to, and the share of the budget that they have."""

    subscriber: str
    site: str
    share: Literal["open", "shared"] = "open"

    @classmethod
    def of(cls, address: str, *, is_shared_network: bool) -> RegistrationSource:
        """The source of a request from this address. Networks that many clients share have a share of their own."""
        subscriber, site = site_of(address)
        return cls(subscriber, site, "shared" if is_shared_network else "open")


@dataclass(frozen=True, slots=True)
class Reservation:
    """The result of `reserve`: the stamp to store with the client, and evictions to carry out."""

    stamp: str
    evicted: Sequence[tuple[str, float]]
    """Members of the `evicted` set and when they were evicted, in seconds since 1970."""


class RegistrationBudget:
    """Accounts for unused registrations. Methods raise RedisUnavailable unless they say otherwise."""

    def __init__(self, redis: RedisClient, *, budget_bytes: int) -> None:
        """`budget_bytes` is divided into halves: one for shared networks, one for all others."""
        self._redis = redis
        self._share_bytes = budget_bytes // 2

    async def reserve(
        self, client_id: str, source: RegistrationSource, *, record_bytes: int, expires_at: int, now: int
    ) -> Reservation:
        """Account for a registration that is about to be stored; beyond the budget others are evicted."""
        charge = -(-(record_bytes + OVERHEAD_BYTES) // CHARGE_UNIT_BYTES) * CHARGE_UNIT_BYTES
        networks = (source.share, source.site, source.subscriber)
        stamp, pairs = await self._redis.run(
            _ACCOUNT,
            _KEYS,
            [client_id, now, charge, expires_at, *networks, self._share_bytes, now - LEFT_BEHIND_SECONDS],
        )
        times = map(float, pairs[1::2])
        return Reservation(str(stamp), list(zip(pairs[::2], times, strict=True)))

    async def release(self, client_id: str, *, now: int) -> None:
        """Remove the entry of a registration that was used or has ended. Repeating it is harmless."""
        await self._redis.run(_ACCOUNT, _KEYS, [client_id, now, 0])

    async def carry_out(self, evicted: Sequence[tuple[str, float]], *, now: int) -> int:
        """Delete evicted clients, unless they were used or registered again; the number deleted.

        Repeating it is harmless. It raises nothing: what Redis refuses now is left to the next registration, because
        the one that made the room is stored already and must be answered.
        """
        number = 0
        with suppress(RedisUnavailable):
            for member, evicted_at in evicted:
                client_id, stamp = member.split(" ")
                outcome = await self._redis.run(_EVICT, [client_key(client_id)], [stamp])
                number += outcome == 1
                if outcome >= 0 or now > evicted_at + GIVE_UP_SECONDS:
                    deleted = int(outcome != 0)
                    await self._redis.run(_FORGET, _FORGET_KEYS, [client_id, stamp, deleted])
        return number


def client_key(client_id: str) -> str:
    """The key of a client's record."""
    return f"sp:{{client:{client_id}}}"
