"""The repository of grants.

`sp:{<list>}:grant:<random>` is a string, the record of the grant `<list>-<random>` (record.py). It shares the slot of
its status list (auth_service/status_lists), where `entry` is its own.
`sp:{<subject>}:grants` is a sorted set of a user's grant ids by absolute expiry. It is only an index: an entry without
a grant is removed when it is read.
"""

from __future__ import annotations

import asyncio
import os
import struct
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from auth_service.grants.grant import Grant, GrantStatus
from auth_service.grants.record import PROLOGUE, read_record
from auth_service.protocol.opaque import new_identifier, split_identifier
from auth_service.status_lists.identifiers import ENTRIES, allocated_key, revoked_key, status_key
from shared.errors import RedisUnavailable
from shared.jose import base64url
from shared.redis.client import load_script

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from auth_service.grants.grant import GrantLifetimes
    from auth_service.grants.refresh_token_format import RefreshToken, Successor
    from shared.redis.client import Argument, RedisClient

_REDEEM: Final = load_script("auth_service.grants", "redeem_code", prologue=PROLOGUE)
_ROTATE: Final = load_script("auth_service.grants", "rotate_refresh_token", prologue=PROLOGUE)
_END: Final = load_script("auth_service.grants", "end_grant", prologue=PROLOGUE)
_RECORD_USE: Final = load_script("auth_service.grants", "record_use", prologue=PROLOGUE)

REMEMBER_ENDED_SECONDS: Final = 7 * 86_400
MAX_LOST_ANSWERS: Final = 2
"""How many consecutive generations may be replayed after the reuse interval while their successor is unused."""
GENERATIONS_KEPT: Final = 32
REDEMPTION_REPEAT_SECONDS: Final = 10
"""How long a second redemption of a code is harmless: a browser may load a client's callback twice (interop.md F22)."""
USE_RECORDED_EVERY_SECONDS: Final = 600
"""Introspection and UserInfo record at most one use of a grant in this time."""
_SECOND_ATTEMPT_SECONDS: Final = 0.3
_NONCE_BYTES: Final = 8
_NOT_REVIEWED: Final = "?"
"""The placeholder for no review, unlike any identity key: those are base64url or empty."""


class Rotation(NamedTuple):
    """The result of presenting a refresh token.

    `outcome`: rotated, repeated, recovered (after a failover), or a rejection: unknown, wrong_client, wrong_resource,
    ended, expired, diverged, reused, resource_removed, not_configured (the resource, in this replica), list_full (the
    grant was to be narrowed and has ended instead). For `unreviewed` nothing was changed: the step is to be taken again
    once the user of `subject`, `identity` and `resource` has been reviewed, for `claims`.
    `dropped` are the scopes that this step took from the grant.
    `chain` holds, for `repeated`, the salts of the successors and their hashes in order.
    """

    outcome: str
    reason: str = ""
    generation: int = 0
    subject: str = ""
    username: str = ""
    scopes: tuple[str, ...] = ()
    resource: str = ""
    authenticated_at: int = 0
    entry: int = 0
    dropped: tuple[str, ...] = ()
    chain: tuple[tuple[str, str], ...] = ()
    identity: str = ""
    claims: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ScopesAllowedNow:
    """The scopes that a grant may have today, by resource; the step that rotates narrows the grant to them.

    A grant whose resource is not in `configured` ends. A grant that is younger than `configured` is exempt: the replica
    that made it may have a newer configuration.
    """

    configured: str
    read_at_ms: int
    """When this replica read the configuration, in milliseconds since 1970."""
    limits: str = ""
    """The scopes that client and user may have, as just read; a resource that is not in it has no limit."""
    reviewed: str | None = None
    """The identity for which `limits` holds, empty for a user with a password; None if no user was reviewed."""
    told: str = "\n"
    """The resources whose access tokens have claims about the user: each on a line of its own, between line breaks."""

    @staticmethod
    def text(scopes: Mapping[str, Iterable[str]]) -> str:
        """The form of `configured` and `limits`, from the scopes of each resource."""
        return "\n" + "".join(f"{resource} {' '.join(allowed)} \n" for resource, allowed in scopes.items())


class GrantRepository:
    """Reads grants and changes them in atomic steps. Every method raises RedisUnavailable, and only that."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis

    async def find(self, grant_id: str) -> Grant | None:
        """Read one grant."""
        record = await self._redis.command("GET", grant_key(grant_id))
        return None if record is None else read_record(grant_id, record)

    async def redeem_code(
        self,
        grant_id: str,
        *,
        code_hash: str,
        refresh_hash: str,
        lifetimes: GrantLifetimes,
        address: str,
        network: str,
    ) -> str:
        """Redeem a code (atomic): unknown, expired, ended, repeated, reused or redeemed.

        `repeated` is a second redemption that does not end the grant: from the same network, within
        REDEMPTION_REPEAT_SECONDS. After a lost response the step is sent once more, with the same nonce, so that it is
        not a second redemption.
        """
        arguments: list[Argument] = [
            code_hash,
            refresh_hash,
            # Without a refresh token nothing of the grant is left when its access token has expired.
            1000 * (lifetimes.unused if refresh_hash else lifetimes.access_token),
            lifetimes.absolute * 1000,
            REMEMBER_ENDED_SECONDS * 1000,
            address,
            network,
            base64url.random_text(_NONCE_BYTES),
            REDEMPTION_REPEAT_SECONDS * 1000,
        ]
        outcome: str
        try:
            outcome = await self._redis.run(_REDEEM, _keys(grant_id), arguments)
        except RedisUnavailable:
            await asyncio.sleep(_SECOND_ATTEMPT_SECONDS)
            outcome = await self._redis.run(_REDEEM, _keys(grant_id), arguments)
        return outcome

    async def rotate(
        self,
        presented: RefreshToken,
        *,
        client_id: str,
        resource: str | None,
        successor: Successor,
        lifetimes: GrantLifetimes,
        scopes: ScopesAllowedNow,
        address: str,
    ) -> Rotation:
        """Present a refresh token (atomic): it is validated and rotated in one step, with one winner.

        A grant that has more than `scopes` is narrowed in the same step: its entry is revoked, and it gets another.
        """
        reply = await self._redis.run(
            _ROTATE,
            [grant_key(presented.grant_id), *_list_keys(split_identifier(presented.grant_id)[0])],
            [
                presented.secret_hash,
                presented.generation,
                client_id,
                resource or "",
                successor.hash,
                successor.salt,
                lifetimes.unused * 1000,
                lifetimes.reuse_interval * 1000,
                MAX_LOST_ANSWERS,
                GENERATIONS_KEPT,
                REMEMBER_ENDED_SECONDS * 1000,
                address,
                scopes.configured,
                scopes.read_at_ms,
                new_identifier(),
                candidate_entries(),
                lifetimes.access_token * 1000,
                scopes.limits,
                _NOT_REVIEWED if scopes.reviewed is None else scopes.reviewed,
                scopes.told,
            ],
        )
        if len(reply) == 2:
            return Rotation(outcome=reply[0], reason=reply[1])
        if reply[0] == "unreviewed":
            return Rotation(
                outcome=reply[0],
                subject=reply[2],
                identity=reply[3],
                resource=reply[4],
                claims=tuple(reply[5].split()),
            )
        chain = reply[10:]
        return Rotation(
            outcome=reply[0],
            generation=int(reply[2]),
            subject=reply[3],
            scopes=tuple(reply[4].split()),
            resource=reply[5],
            authenticated_at=int(reply[6]),
            username=reply[7],
            entry=int(reply[8]),
            dropped=tuple(reply[9].split()),
            chain=tuple(zip(chain[::2], chain[1::2], strict=True)),
        )

    async def end(self, grant_id: str, *, reason: str) -> bool:
        """End a grant (atomic); True if this call ended it. `reason` is a short identifier stored with it."""
        arguments: list[Argument] = [reason, REMEMBER_ENDED_SECONDS * 1000, new_identifier()]
        return bool(await self._redis.run(_END, _keys(grant_id), arguments))

    async def record_use(self, grant: Grant, *, now: float) -> None:
        """Record that the grant was used now, unless that was recorded less than USE_RECORDED_EVERY_SECONDS ago.

        Raises nothing: without Redis, or while it is full, the use is not recorded.
        """
        if now - grant.used_at < USE_RECORDED_EVERY_SECONDS:
            return
        with suppress(RedisUnavailable):  # the monitor of Redis reports it
            await self._redis.run(_RECORD_USE, [grant_key(grant.grant_id)], [USE_RECORDED_EVERY_SECONDS * 1000])

    async def index(self, grant_id: str, *, subject: str, absolute_expires_at: float) -> None:
        """Add a grant to its user's index, or keep it there for longer: before its code is known to the client."""
        key = _index_key(subject)
        await self._redis.pipeline(
            [
                ("ZADD", key, "GT", int(absolute_expires_at), grant_id),
                ("EXPIREAT", key, int(absolute_expires_at) + 86_400, "GT"),
                ("EXPIREAT", key, int(absolute_expires_at) + 86_400, "NX"),
            ]
        )

    async def find_by_subject(self, subject: str, *, now: float) -> list[Grant]:
        """The live grants of a user, the most recently used first."""
        grants = await self._indexed(subject, now=now)
        live = [g for g in grants if g.status is GrantStatus.LIVE and g.expires_at > now]
        return sorted(live, key=lambda g: g.used_at, reverse=True)

    async def find_open_by_subject(self, subject: str) -> list[Grant]:
        """The grants of a user that have not ended, also those whose code is being redeemed."""
        return await self._indexed(subject, now=0)

    async def _indexed(self, subject: str, *, now: float) -> list[Grant]:
        key = _index_key(subject)
        _, identifiers = await self._redis.pipeline(
            [("ZREMRANGEBYSCORE", key, "-inf", int(now)), ("ZRANGE", key, 0, -1)]
        )
        records = await self._redis.pipeline([("GET", grant_key(i)) for i in identifiers])
        found = {i: record for i, record in zip(identifiers, records, strict=True) if record is not None}
        grants = [read_record(i, record) for i, record in found.items()]
        gone = {i for i in identifiers if i not in found}
        gone |= {g.grant_id for g in grants if g.status is GrantStatus.ENDED}
        if gone:
            await self._redis.command("ZREM", key, *gone)
        return [g for g in grants if g.status is not GrantStatus.ENDED]

    async def scan(self) -> AsyncIterator[Grant]:
        """Every grant, page by page: for commands, never for a request."""
        async for keys in self._redis.scan("sp:{*}:grant:*"):
            records = await self._redis.pipeline([("GET", key) for key in keys])
            for key, record in zip(keys, records, strict=True):
                if record is not None:
                    yield read_record(key.removeprefix("sp:{").replace("}:grant:", "-"), record)


def _index_key(subject: str) -> str:
    return f"sp:{{{subject}}}:grants"


def grant_key(grant_id: str) -> str:
    """The key of a grant."""
    list_id, random = split_identifier(grant_id)
    return f"sp:{{{list_id}}}:grant:{random}"


def _keys(grant_id: str) -> list[str]:
    """The keys of the steps that may end a grant."""
    return [grant_key(grant_id), *_list_keys(split_identifier(grant_id)[0])[:2]]


@lru_cache(1024)
def _list_keys(list_id: str) -> tuple[str, str, str]:
    return revoked_key(list_id), status_key(list_id), allocated_key(list_id)


def candidate_entries() -> str:
    """Random entries, space-separated: a grant takes the first that is free, else the next free entry of the list."""
    first, second, third, fourth = struct.unpack("4H", os.urandom(8))
    return f"{first % ENTRIES} {second % ENTRIES} {third % ENTRIES} {fourth % ENTRIES}"
