"""Registered and pre-registered clients in Redis.

| key | type | what | life |
|---|---|---|---|
| `sp:{client:<id>}` | hash | one client: members, secret and management token as hashes | see below |
| `sp:clients:registered` | sorted set | ids by expiry, for the operator's list only | entries go when expired |
| `sp:clients:pre_registered` | set | ids that the operator added | until removed |

A registration lives for a day until its first grant, then as long as it is used and longer than any of its grants
(interop.md A18): each use extends `expires_at`. The key outlives `expires_at` as a tombstone, so that the user of an
expired client gets a helpful error. A flood of registrations without grants is gone within the day.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from auth_service.clients.client import Client, ClientKind
from auth_service.clients.client_metadata import SECRET_METHODS, ClientMetadata
from shared.redis.client import load_script

if TYPE_CHECKING:
    from shared.redis.client import Argument, RedisClient

TOMBSTONE_SECONDS: Final = 90 * 86_400

_REGISTERED: Final = "sp:clients:registered"
_PRE_REGISTERED: Final = "sp:clients:pre_registered"


_TRIM: Final = 64
"""Expired index entries that one registration drops: more than it adds, so that the index stays short, and few enough
that Redis never blocks, however many registrations expire at once."""


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

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis
        self._add = load_script("auth_service.clients", "add_client")
        self._touch = load_script("auth_service.clients", "touch_client")
        self._replace = load_script("auth_service.clients", "replace_client")
        self._end = load_script("auth_service.clients", "end_client")
        self._index_registration = load_script("auth_service.clients", "index_registration")

    async def add(self, record: StoredClient, *, now: int) -> bool:
        """Store a new client; False if the id is taken, as by a repeated shared registration."""
        fields: list[Argument] = ["kind", record.kind.value, "created_at", record.created_at, *_fields(record)]
        # Never used, so there is no tombstone: the key expires with the registration.
        expires_at = record.expires_at or 0
        created = await self._redis.run(self._add, [_key(record.client_id)], [expires_at, expires_at, *fields])
        if record.kind is ClientKind.PRE_REGISTERED:
            await self._redis.command("SADD", _PRE_REGISTERED, record.client_id)
        else:
            await self._index(record.client_id, expires_at, now=now)
        return bool(created)

    async def find(self, client_id: str, *, now: float) -> StoredClient | Tombstone | None:
        """The client of this id, read-only, in one round trip."""
        fields = await self._redis.command("HGETALL", _key(client_id))
        if not fields:
            return None
        if "members" not in fields:
            return Tombstone()
        record = _record(client_id, fields)
        return Tombstone() if record.expires_at is not None and record.expires_at <= now else record

    async def record_use(self, client_id: str, *, now: int, expires_at: int) -> bool:
        """Extend the expiry; False if the registration has ended meanwhile."""
        keys_end = expires_at + TOMBSTONE_SECONDS
        alive = await self._redis.run(self._touch, [_key(client_id)], [now, expires_at, keys_end])
        if alive:
            await self._redis.command("ZADD", _REGISTERED, "XX", "GT", expires_at, client_id)
        return bool(alive)

    async def replace(self, record: StoredClient, *, management_hash: str) -> bool:
        """Store changed metadata; False if the registration access token was replaced or the client ended."""
        return bool(await self._redis.run(self._replace, [_key(record.client_id)], [management_hash, *_fields(record)]))

    async def end(self, client_id: str, *, now: int, management_hash: str = "") -> bool:
        """End a client, for the holder of its token, or for the operator if none is given."""
        ended = await self._redis.run(self._end, [_key(client_id)], [management_hash, now, TOMBSTONE_SECONDS])
        if ended:
            await self._redis.pipeline([("ZREM", _REGISTERED, client_id), ("SREM", _PRE_REGISTERED, client_id)])
        return bool(ended)

    async def list_pre_registered(self, *, now: float) -> list[StoredClient]:
        """Every client that the operator added, by id."""
        return await self._all(sorted(await self._redis.command("SMEMBERS", _PRE_REGISTERED)), now=now)

    async def list_registered(self, *, now: float, limit: int) -> list[StoredClient]:
        """The registrations that expire last, at most `limit`."""
        ids = await self._redis.command("ZRANGE", _REGISTERED, "+inf", now, "BYSCORE", "REV", "LIMIT", 0, limit)
        return await self._all(ids, now=now)

    async def count_registered(self, *, now: float) -> int:
        """The number of registrations."""
        return int(await self._redis.command("ZCOUNT", _REGISTERED, now, "+inf"))

    async def _index(self, client_id: str, expires_at: int, *, now: int) -> None:
        await self._redis.run(self._index_registration, [_REGISTERED], [client_id, expires_at, now, _TRIM])

    async def _all(self, client_ids: list[str], *, now: float) -> list[StoredClient]:
        found = [await self.find(client_id, now=now) for client_id in client_ids]
        return [record for record in found if isinstance(record, StoredClient)]


def _key(client_id: str) -> str:
    return f"sp:{{client:{client_id}}}"


def _fields(record: StoredClient) -> list[Argument]:
    """The fields that an update may change. Absent values are written as empty, so that an update can remove them."""
    return [
        "members",
        json.dumps(record.metadata.as_members(), separators=(",", ":")),
        "secret",
        record.secret_hash or "",
        "management",
        record.management_hash or "",
        "introspects",
        json.dumps(sorted(record.introspects)),
        "max_scope",
        record.max_scope or "",
    ]


def _record(client_id: str, fields: dict[str, str]) -> StoredClient:
    members: dict[str, Any] = json.loads(fields["members"])
    return StoredClient(
        client_id=client_id,
        kind=ClientKind(fields["kind"]),
        metadata=ClientMetadata(
            redirect_uris=tuple(members["redirect_uris"]),
            grant_types=tuple(members["grant_types"]),
            authentication_method=members["token_endpoint_auth_method"],
            client_name=members.get("client_name"),
            client_uri=members.get("client_uri"),
            logo_uri=members.get("logo_uri"),
            scope=members.get("scope"),
            jwks=members.get("jwks"),
            jwks_uri=members.get("jwks_uri"),
        ),
        created_at=int(fields["created_at"]),
        expires_at=int(fields["expires_at"]) or None,
        secret_hash=fields.get("secret") or None,
        management_hash=fields.get("management") or None,
        introspects=frozenset(json.loads(fields.get("introspects") or "[]")),
        max_scope=fields.get("max_scope") or None,
        used="used" in fields,
    )
