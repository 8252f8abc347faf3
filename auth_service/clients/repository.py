"""Registered and pre-registered clients in Redis.

| key | type | what | life |
|---|---|---|---|
| `sp:{client:<id>}` | hash | one client: members, secret and management token as hashes | see below |
| `sp:clients:pre_registered` | set | ids that the operator added | until removed |

A registration lives for a day until its first grant, then as long as it is used and longer than any of its grants
(interop.md A18): each use extends `expires_at`. The key outlives `expires_at` as a tombstone, so that the user of an
expired client gets a helpful error. Registrations that were never used have a budget (registration_budget.py).

The record is one field of compact JSON without default values. `expires_at`, `used`, the hash of the registration
access token and the stamp of the budget's entry are fields of their own, because scripts read them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from auth_service.clients.client import Client, ClientKind
from auth_service.clients.client_metadata import SECRET_METHODS, SUPPORTED_GRANT_TYPES, ClientMetadata
from auth_service.clients.registration_budget import (
    BY_EXPIRY,
    DEFAULT_BUDGET_BYTES,
    RegistrationBudget,
    RegistrationSource,
    client_key,
)
from shared.redis.client import load_script

if TYPE_CHECKING:
    from shared.redis.client import Argument, RedisClient

TOMBSTONE_SECONDS: Final = 90 * 86_400

_PRE_REGISTERED: Final = "sp:clients:pre_registered"
_NO_SOURCE: Final = RegistrationSource("none", "none")
_WAS_USED: Final = 2
_FIRST_USE: Final = 2


@dataclass(frozen=True, slots=True)
class StoredClient:
    """One client as stored. Times in seconds since 1970."""

    client_id: str
    kind: ClientKind
    metadata: ClientMetadata
    created_at: int
    expires_at: int | None
    """When an unused registration ends; None for never."""
    secret_hash: str | None = None
    management_hash: str | None = None
    """Hash of the registration access token (RFC 7592); None if the registration cannot be managed."""
    introspects: frozenset[str] = frozenset()
    max_scope: str | None = None
    """The most that the client may be granted, set by the operator; the scope in a registration is no limit."""
    used: bool = False

    def as_client(self) -> Client:
        """The record that the rules read."""
        metadata = self.metadata
        method = metadata.authentication_method
        return Client(
            client_id=self.client_id,
            kind=self.kind,
            redirect_uris=metadata.redirect_uris,
            client_name=metadata.client_name,
            client_uri=metadata.client_uri,
            logo_uri=metadata.logo_uri,
            grant_types=frozenset(metadata.grant_types),
            authentication_methods=SECRET_METHODS if method in SECRET_METHODS else frozenset({method}),
            secret_hash=self.secret_hash,
            jwks=metadata.jwks,
            jwks_uri=metadata.jwks_uri,
            scope=self.max_scope,
            introspects=self.introspects,
            created_at=self.created_at,
        )


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A client of this id existed; its registration ended."""


class ClientRepository:
    """Reads and changes the records; each change is one atomic step. All methods raise RedisUnavailable."""

    def __init__(
        self,
        redis: RedisClient,
        *,
        budget_bytes: int = DEFAULT_BUDGET_BYTES,
        count_evicted: Callable[[int], None] = lambda _number: None,
    ) -> None:
        """`budget_bytes` bounds the registrations that were never used; `count_evicted` is told of each eviction."""
        self._redis = redis
        self._count_evicted = count_evicted
        self._budget = RegistrationBudget(redis, budget_bytes=budget_bytes)
        self._add = load_script("auth_service.clients", "add_client")
        self._touch = load_script("auth_service.clients", "touch_client")
        self._replace = load_script("auth_service.clients", "replace_client")
        self._end = load_script("auth_service.clients", "end_client")

    async def add(self, record: StoredClient, *, now: int, source: RegistrationSource = _NO_SOURCE) -> bool:
        """Store a new client; False if the id is taken, for example by an equal shared registration.

        A registration is charged to its source before it is stored, and may evict others (RegistrationBudget).
        """
        packed = _pack(record)
        fields: list[Argument] = ["record", packed, "management", record.management_hash or ""]
        if record.kind is ClientKind.PRE_REGISTERED:
            created = await self._redis.run(self._add, [client_key(record.client_id)], [0, 0, "", *fields])
            await self._redis.command("SADD", _PRE_REGISTERED, record.client_id)
            return bool(created)
        # Never used, so there is no tombstone: the key expires with the registration.
        expires_at = record.expires_at or 0
        reservation = await self._budget.reserve(
            record.client_id, source, record_bytes=len(packed.encode()), expires_at=expires_at, now=now
        )
        outcome = await self._redis.run(
            self._add, [client_key(record.client_id)], [expires_at, expires_at, reservation.stamp, *fields]
        )
        if outcome == _WAS_USED:
            await self._budget.release(record.client_id, now=now)
        self._count_evicted(await self._budget.carry_out(reservation.evicted, now=now))
        return bool(outcome == 1)

    async def find(self, client_id: str, *, now: float) -> StoredClient | Tombstone | None:
        """The client of this id, read-only, in one round trip."""
        fields = await self._redis.command("HGETALL", client_key(client_id))
        if not fields:
            return None
        if "record" not in fields:
            return Tombstone()
        record = _unpack(client_id, fields)
        return Tombstone() if record.expires_at is not None and record.expires_at <= now else record

    async def record_use(self, client_id: str, *, now: int, expires_at: int) -> bool:
        """Extend the expiry; False if the registration has ended meanwhile."""
        keys_end = expires_at + TOMBSTONE_SECONDS
        alive = await self._redis.run(self._touch, [client_key(client_id)], [now, expires_at, keys_end])
        if alive:
            await self._redis.command("ZADD", BY_EXPIRY, "GT", expires_at, client_id)
        if alive == _FIRST_USE:
            await self._budget.release(client_id, now=now)
        return bool(alive)

    async def replace(
        self, record: StoredClient, *, management_hash: str, now: int, source: RegistrationSource = _NO_SOURCE
    ) -> bool:
        """Store changed metadata; False if the registration access token was replaced or the client ended."""
        packed = _pack(record)
        fields: list[Argument] = ["record", packed, "management", record.management_hash or ""]
        if record.used:
            return bool(
                await self._redis.run(self._replace, [client_key(record.client_id)], [management_hash, *fields])
            )
        reservation = await self._budget.reserve(
            record.client_id,
            source,
            record_bytes=len(packed.encode()),
            expires_at=record.expires_at or 0,
            now=now,
        )
        fields += ["stamp", reservation.stamp]
        replaced = await self._redis.run(self._replace, [client_key(record.client_id)], [management_hash, *fields])
        self._count_evicted(await self._budget.carry_out(reservation.evicted, now=now))
        return bool(replaced)

    async def end(self, client_id: str, *, now: int, management_hash: str = "") -> bool:
        """End a client, for the holder of its token, or for the operator if none is given."""
        ended = await self._redis.run(self._end, [client_key(client_id)], [management_hash, now, TOMBSTONE_SECONDS])
        if ended:
            await self._budget.release(client_id, now=now)
            await self._redis.pipeline([("ZREM", BY_EXPIRY, client_id), ("SREM", _PRE_REGISTERED, client_id)])
        return bool(ended)

    async def list_pre_registered(self, *, now: float) -> list[StoredClient]:
        """Every client that the operator added, by id."""
        return await self._all(sorted(await self._redis.command("SMEMBERS", _PRE_REGISTERED)), now=now)

    async def list_registered(self, *, now: float, limit: int) -> list[StoredClient]:
        """The registrations that expire last, at most `limit`."""
        ids = await self._redis.command("ZRANGE", BY_EXPIRY, "+inf", now, "BYSCORE", "REV", "LIMIT", 0, limit)
        return await self._all(ids, now=now)

    async def count_registered(self, *, now: float) -> int:
        """The number of registrations."""
        return int(await self._redis.command("ZCOUNT", BY_EXPIRY, now, "+inf"))

    async def _all(self, client_ids: list[str], *, now: float) -> list[StoredClient]:
        found = [await self.find(client_id, now=now) for client_id in client_ids]
        return [record for record in found if isinstance(record, StoredClient)]


def _pack(record: StoredClient) -> str:
    """The record as compact JSON, without absent and default values."""
    members = record.metadata.as_members()
    del members["response_types"]
    if record.metadata.grant_types == SUPPORTED_GRANT_TYPES:
        del members["grant_types"]
    members |= {
        "kind": None if record.kind is ClientKind.REGISTERED else record.kind.value,
        "created_at": record.created_at,
        "secret": record.secret_hash,
        "introspects": sorted(record.introspects) or None,
        "max_scope": record.max_scope,
    }
    present = {name: value for name, value in members.items() if value is not None}
    return json.dumps(present, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _unpack(client_id: str, fields: dict[str, str]) -> StoredClient:
    members: dict[str, Any] = json.loads(fields["record"])
    return StoredClient(
        client_id=client_id,
        kind=ClientKind(members.get("kind", ClientKind.REGISTERED)),
        metadata=ClientMetadata(
            redirect_uris=tuple(members["redirect_uris"]),
            grant_types=tuple(members.get("grant_types", SUPPORTED_GRANT_TYPES)),
            authentication_method=members["token_endpoint_auth_method"],
            client_name=members.get("client_name"),
            client_uri=members.get("client_uri"),
            logo_uri=members.get("logo_uri"),
            scope=members.get("scope"),
            jwks=members.get("jwks"),
            jwks_uri=members.get("jwks_uri"),
        ),
        created_at=members["created_at"],
        expires_at=int(fields["expires_at"]) or None,
        secret_hash=members.get("secret"),
        management_hash=fields.get("management") or None,
        introspects=frozenset(members.get("introspects", ())),
        max_scope=members.get("max_scope"),
        used="used" in fields,
    )
