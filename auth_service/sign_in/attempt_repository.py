"""Counts sign-in attempts in Redis.

Keys, all of one account in one slot. `account`, `network` and `hash` are digests: of fixed length, and equal in form
for names that exist and names that do not.
  sp:{signin:<account>}:all               string   attempts of all unknown browsers, "<count> <last, milliseconds>"
  sp:{signin:<account>}:from:<network>    string   those of one network
  sp:{signin:<account>}:browser:<hash>    string   those of one browser that has signed in to the account before
  sp:{signin:<account>}:known:<hash>      string   "1": this browser has signed in to the account

Counts expire an hour after the last attempt, known browsers 180 days after the last sign-in.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from auth_service.sign_in.delay import (
    FORGET_SECONDS,
    KNOWN_BROWSER,
    NONE,
    UNDER_ATTACK,
    UNKNOWN_BROWSER,
    UNKNOWN_BROWSER_UNDER_ATTACK,
    Attempts,
)
from shared.redis.client import load_script

if TYPE_CHECKING:
    from shared.redis.client import RedisClient

_READ_ATTEMPTS: Final = load_script("auth_service.sign_in", "read_attempts")
_COUNT_ATTEMPT: Final = load_script("auth_service.sign_in", "count_attempt")
_KNOWN_SECONDS: Final = 180 * 86_400


@dataclass(frozen=True, slots=True)
class AttemptCounts:
    """The counts that were read for one attempt, and the key that counts it."""

    account_key: str
    browser_hash: str
    known: bool
    key: str
    """The key of this browser's count if it is known, else of its network's."""
    own: Attempts
    account: Attempts
    read_at_ms: int
    """When the counts were read, by the clock of Redis like the times of the attempts."""


class SignInAttemptRepository:
    """Every method raises RedisUnavailable; sign-in is not possible then."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis

    async def read(self, name: str, *, network: str, browser_hash: str) -> AttemptCounts:
        """The counts that apply to an attempt on the account with this (normalised) name."""
        account = f"sp:{{signin:{_digest(name)}}}"
        browser = f"{account}:browser:{_digest(browser_hash)}"
        origin = f"{account}:from:{_digest(network)}"
        keys = [f"{account}:known:{_digest(browser_hash)}", browser, origin, f"{account}:all"]
        known, of_browser, of_network, of_all, now = await self._redis.run(_READ_ATTEMPTS, keys, [])
        return AttemptCounts(
            account_key=account,
            browser_hash=browser_hash,
            known=bool(known),
            key=browser if known else origin,
            own=_read(of_browser if known else of_network),
            account=_read(of_all),
            read_at_ms=int(now),
        )

    async def count(self, counts: AttemptCounts) -> int:
        """Count the attempt and return 0, or return how long it has to wait in milliseconds (atomic).

        Decides by the counts as they are now: others may have been counted since `counts` was read.
        """
        keys, schedule = [counts.key], KNOWN_BROWSER
        under_attack = [0, 0]
        if not counts.known:
            keys.append(f"{counts.account_key}:all")
            schedule = UNKNOWN_BROWSER
            under_attack = [UNDER_ATTACK, UNKNOWN_BROWSER_UNDER_ATTACK.free]
        arguments = [FORGET_SECONDS * 1000, schedule.cap_ms, schedule.free, *under_attack]
        return int(await self._redis.run(_COUNT_ATTEMPT, keys, arguments))

    async def succeeded(self, counts: AttemptCounts) -> None:
        """Clear the count, and remember the browser as known."""
        known = f"{counts.account_key}:known:{_digest(counts.browser_hash)}"
        await self._redis.pipeline([("DEL", counts.key), ("SET", known, "1", "EX", _KNOWN_SECONDS)])


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def _read(text: str) -> Attempts:
    count, _, last = text.partition(" ")
    return Attempts(int(count), int(last)) if last else NONE
