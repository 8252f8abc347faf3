"""The key ring and the reports of verifiers in Redis.

Keys: sp:{keys}:ring               hash      version, and the ring as JSON; does not expire
      sp:{keys}:changes            channel   the new version of the ring
      sp:{keys}:replica_versions   hash      the JWKS version of each verifier, see record_replica_versions.lua
"""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from auth_service.keys.lifecycle import InvalidRing, Ring, RingKey, RingKeyState
from auth_service.keys.propagation import ReplicaKeyVersion, ReportedVersions
from shared.errors import ServiceUnavailable
from shared.redis.client import load_script

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from shared.redis.client import RedisClient

MAX_REPLICAS: Final = 512
"""The maximum number of recorded verifiers."""

_RING: Final = "sp:{keys}:ring"
_CHANGES: Final = "sp:{keys}:changes"
_PUT: Final = load_script("auth_service.keys", "put_key_ring")
_MAX_ATTEMPTS: Final = 32

_REPLICA_VERSIONS: Final = "sp:{keys}:replica_versions"
_UNIDENTIFIED: Final = "*unidentified"
_UNIDENTIFIED_CLIENT: Final = "*unidentified_client"
_OVERFLOW: Final = "*overflow"
_RECORD: Final = load_script("auth_service.keys", "record_replica_versions")


class KeyRingRepository:
    """Methods raise ServiceUnavailable, mostly RedisUnavailable. After a failed write, read again."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis

    async def read(self) -> Ring | None:
        """The stored ring; None before the first start."""
        body = await self._redis.command("HGET", _RING, "body")
        return None if body is None else _decode(body)

    async def put(self, ring: Ring, *, expected_version: int) -> bool:
        """Write the ring if the stored version is `expected_version`. Returns whether it was written."""
        args = (str(expected_version), str(ring.version), _encode(ring), _CHANGES)
        return bool(await self._redis.run(_PUT, [_RING], args))

    async def change(self, step: Callable[[Ring], Ring | None]) -> Ring | None:
        """Apply one step to the stored ring, and repeat it while another writer is first; the new ring.

        `step` is pure and returns None if nothing is to be changed; so does this. Exceptions of `step` are raised.
        """
        for _ in range(_MAX_ATTEMPTS):
            ring = await self.read()
            if ring is None:
                raise ServiceUnavailable("no replica has created a key ring yet", error_id="key_ring")
            changed = step(ring)
            if changed is None or await self.put(changed, expected_version=ring.version):
                return changed
        raise ServiceUnavailable(f"the key ring changed {_MAX_ATTEMPTS} times during one step", error_id="key_ring")

    @asynccontextmanager
    async def changes(self) -> AsyncIterator[AsyncIterator[tuple[str, str]]]:
        """An iterator with one item for each change from now on. Messages may be lost: poll as well."""
        async with self._redis.subscribe(_CHANGES) as messages:
            yield messages


class ReplicaVersionRepository:
    """Every method raises RedisUnavailable."""

    def __init__(self, redis: RedisClient, *, max_replicas: int = MAX_REPLICAS) -> None:
        self._redis = redis
        self._max_replicas = max_replicas

    async def record(
        self,
        replica_versions: Iterable[ReplicaKeyVersion],
        *,
        now_ms: int,
        ttl_ms: int,
        unidentified_ms: int | None = None,
        unidentified_client: str = "",
        overflow_ms: int | None = None,
    ) -> None:
        """Write reports and remove those that expired by `now_ms`; all expire `ttl_ms` after the last write."""
        times = ("" if at is None else at for at in (unidentified_ms, overflow_ms))
        args = [now_ms, self._max_replicas, ttl_ms, *times, unidentified_client]
        for reported in replica_versions:
            args += [reported.replica, reported.version, reported.seen_ms, reported.expires_ms]
        await self._redis.run(_RECORD, [_REPLICA_VERSIONS], args)

    async def read(self) -> ReportedVersions:
        """All recorded reports."""
        entries: dict[str, str] = await self._redis.command("HGETALL", _REPLICA_VERSIONS)
        times = {name: int(entries[name]) for name in (_UNIDENTIFIED, _OVERFLOW) if name in entries}
        replica_versions = []
        for replica, entry in entries.items():
            if not replica.startswith("*"):
                version, seen_ms, expires_ms = map(int, entry.split(" "))
                replica_versions.append(ReplicaKeyVersion(replica, version, seen_ms, expires_ms))
        return ReportedVersions(
            tuple(replica_versions),
            times.get(_UNIDENTIFIED),
            times.get(_OVERFLOW),
            entries.get(_UNIDENTIFIED_CLIENT, ""),
        )


def _encode(ring: Ring) -> str:
    return json.dumps(
        {
            "version": ring.version,
            "keys": [
                {
                    "kid": key.kid,
                    "alg": key.algorithm,
                    "state": key.state.value,
                    "public": dict(key.public),
                    "encrypted_private": key.encrypted_private,
                    "published_ms": key.published_ms,
                    "published_version": key.published_version,
                    "token_lifetime_ms": key.token_lifetime_ms,
                    "activated_ms": key.activated_ms,
                    "remove_ms": key.remove_ms,
                }
                for key in ring.keys
            ],
        },
        separators=(",", ":"),
    )


def _decode(body: str) -> Ring:
    # Members that a later release may add are ignored (invariant 11).
    try:
        content: dict[str, Any] = json.loads(body)
        return Ring(version=content["version"], keys=tuple(_decode_key(key) for key in content["keys"]))
    except (ValueError, KeyError, TypeError, InvalidRing) as exc:
        raise ServiceUnavailable(f"the stored key ring is not readable: {exc!r:.200}", error_id="key_ring") from exc


def _decode_key(key: dict[str, Any]) -> RingKey:
    if "sealed" in key:
        raise ServiceUnavailable(
            f"{_RING} was written by a version before the first release and cannot be read: delete it to create new "
            "signing keys; access tokens signed before are then rejected",
            error_id="key_ring",
        )
    return RingKey(
        kid=key["kid"],
        algorithm=key["alg"],
        state=RingKeyState(key["state"]),
        public=key["public"],
        encrypted_private=key["encrypted_private"],
        published_ms=key["published_ms"],
        published_version=key["published_version"],
        token_lifetime_ms=key["token_lifetime_ms"],
        activated_ms=key["activated_ms"],
        remove_ms=key["remove_ms"],
    )
