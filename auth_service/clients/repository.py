"""Registered and pre-registered clients in the store.

| key | type | what | life |
|---|---|---|---|
| `sp:{client:<id>}` | hash | one client: members, secret and management token as hashes | see below |
| `sp:clients:registered` | sorted set | ids by expiry, for the operator's list only | entries go when expired |
| `sp:clients:pre_registered` | set | ids that the operator added | until removed |

A registration lives for a day until its first grant, then as long as it is used and longer than any of its grants
(interop.md A18): each use slides `expires_at`. The key outlives `expires_at` as a tombstone, so that a person whose
client ended can be told so. A flood of registrations that nobody authorizes is gone within the day.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from auth_service.clients.client import Client, ClientKind
from auth_service.clients.client_metadata import SECRET_METHODS, ClientMetadata
from shared.redis.scripts import load_script

if TYPE_CHECKING:
    from shared.redis.client import Argument, RedisClient

TOMBSTONE_SECONDS: Final = 90 * 86_400

_REGISTERED: Final = "sp:clients:registered"
_PRE_REGISTERED: Final = "sp:clients:pre_registered"


_TRIM: Final = 64
"""Expired entries that one registration takes along: more than it adds, so that the list stays short, and few enough
that the store never blocks, however many registrations end at once."""

_STORED_ID: Final = re.compile(r"[A-Za-z0-9._~\-]{1,128}")


def is_storable_id(client_id: str) -> bool:
    """Whether an id has the form of those that are issued here: anything else never becomes part of a key."""
    return _STORED_ID.fullmatch(client_id) is not None


@dataclass(frozen=True, slots=True)
class StoredClient:
    """One client as kept. Times in seconds since 1970."""

    client_id: str
    kind: ClientKind
    metadata: ClientMetadata
    created_at: int
    expires_at: int | None
    """When the registration ends unless it is used; None for never."""
    secret_hash: str | None = None
    management_hash: str | None = None
    """Hash of the registration access token (RFC 7592); None when nobody may change the registration."""
    introspects: frozenset[str] = frozenset()
    scope_fence: str | None = None
    """The operator's limit on what the client may be granted; a registration's own wish is no fence."""
    used: bool = False

    def as_client(self) -> Client:
        """The record that every rule reads."""
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
            scope=self.scope_fence,
            introspects=self.introspects,
            created_at=self.created_at,
        )


@dataclass(frozen=True, slots=True)
class Tombstone:
    """There was a client of this id; its registration ended."""


class ClientRepository:
    """Reads and changes the records; every change is one atomic step. All methods raise RedisUnavailable."""

    def __init__(self, store: RedisClient) -> None:
        self._store = store
        self._add = load_script("auth_service.clients", "client_add")
        self._use = load_script("auth_service.clients", "touch_client")
        self._replace = load_script("auth_service.clients", "client_replace")
        self._end = load_script("auth_service.clients", "client_end")
        self._index_step = load_script("auth_service.clients", "client_index")

    async def add(self, record: StoredClient, *, now: int) -> bool:
        """Store a new client; False when the id is taken (a shared registration that came again, say)."""
        fields: list[Argument] = ["kind", record.kind.value, "created_at", record.created_at, *_fields(record)]
        # Never used, so no tombstone is owed: the key ends with the registration.
        expires_at = record.expires_at or 0
        created = await self._store.run(self._add, [_key(record.client_id)], [expires_at, expires_at, *fields])
        if record.kind is ClientKind.PRE_REGISTERED:
            await self._store.command("SADD", _PRE_REGISTERED, record.client_id)
        else:
            await self._index(record.client_id, expires_at, now=now)
        return bool(created)

    async def find(self, client_id: str, *, now: float) -> StoredClient | Tombstone | None:
        """The client of this id, read-only, in one round trip."""
        fields = await self._store.command("HGETALL", _key(client_id))
        if not fields:
            return None
        if "members" not in fields:
            return Tombstone()
        record = _record(client_id, fields)
        return Tombstone() if record.expires_at is not None and record.expires_at <= now else record

    async def record_use(self, client_id: str, *, now: int, expires_at: int) -> bool:
        """Slide the expiry; False when the registration has ended meanwhile."""
        keys_end = expires_at + TOMBSTONE_SECONDS
        alive = await self._store.run(self._use, [_key(client_id)], [now, expires_at, keys_end])
        if alive:
            await self._store.command("ZADD", _REGISTERED, "XX", "GT", expires_at, client_id)
        return bool(alive)

    async def replace(self, record: StoredClient, *, management_hash: str) -> bool:
        """Store changed metadata; False when the registration access token was replaced or the client ended."""
        return bool(await self._store.run(self._replace, [_key(record.client_id)], [management_hash, *_fields(record)]))

    async def end(self, client_id: str, *, now: int, management_hash: str = "") -> bool:
        """End a client, for the holder of its token, or for the operator when none is given."""
        ended = await self._store.run(self._end, [_key(client_id)], [management_hash, now, TOMBSTONE_SECONDS])
        if ended:
            await self._store.pipeline([("ZREM", _REGISTERED, client_id), ("SREM", _PRE_REGISTERED, client_id)])
        return bool(ended)

    async def list_pre_registered(self, *, now: float) -> list[StoredClient]:
        """Every client that the operator added, by id."""
        return await self._all(sorted(await self._store.command("SMEMBERS", _PRE_REGISTERED)), now=now)

    async def list_registered(self, *, now: float, limit: int) -> list[StoredClient]:
        """The registrations that live longest, at most `limit`."""
        ids = await self._store.command("ZRANGE", _REGISTERED, "+inf", now, "BYSCORE", "REV", "LIMIT", 0, limit)
        return await self._all(ids, now=now)

    async def count_registered(self, *, now: float) -> int:
        """How many registrations there are."""
        return int(await self._store.command("ZCOUNT", _REGISTERED, now, "+inf"))

    async def _index(self, client_id: str, expires_at: int, *, now: int) -> None:
        await self._store.run(self._index_step, [_REGISTERED], [client_id, expires_at, now, _TRIM])

    async def _all(self, client_ids: list[str], *, now: float) -> list[StoredClient]:
        found = [await self.find(client_id, now=now) for client_id in client_ids]
        return [record for record in found if isinstance(record, StoredClient)]


def _key(client_id: str) -> str:
    return f"sp:{{client:{client_id}}}"


def _fields(record: StoredClient) -> list[Argument]:
    """What an update may change. Absent values are written as empty, so that an update can also remove."""
    return [
        "members",
        json.dumps(record.metadata.as_members(), separators=(",", ":")),
        "secret",
        record.secret_hash or "",
        "management",
        record.management_hash or "",
        "introspects",
        json.dumps(sorted(record.introspects)),
        "scope_fence",
        record.scope_fence or "",
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
        scope_fence=fields.get("scope_fence") or None,
        used="used" in fields,
    )
