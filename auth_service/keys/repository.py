"""Where the ring of signing keys lives: one hash with the version and the ring as JSON, and a channel of changes."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from auth_service.keys.lifecycle import BrokenRing, KeyState, Ring, RingKey
from shared.errors import ServiceUnavailable
from shared.redis.scripts import load_script

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from shared.redis.client import RedisClient

_RING: Final = "sp:{keys}:ring"
_CHANGES: Final = "sp:{keys}:changes"
_PUT: Final = load_script("auth_service.keys", "put_key_ring")
_MOST_ATTEMPTS: Final = 32


class KeyRingRepository:
    """Methods raise ServiceUnavailable, mostly RedisUnavailable; reading again tells what became of a write."""

    def __init__(self, store: RedisClient) -> None:
        self._store = store

    async def read(self) -> Ring | None:
        """The ring as it is now; None before the first start."""
        body = await self._store.command("HGET", _RING, "body")
        return None if body is None else _decode(body)

    async def put(self, ring: Ring, *, expected_version: int) -> bool:
        """Write the ring if the stored version is still `expected_version`; tell whether it was."""
        args = (str(expected_version), str(ring.version), _encode(ring), _CHANGES)
        return bool(await self._store.run(_PUT, [_RING], args))

    async def change(self, step: Callable[[Ring], Ring | None]) -> Ring | None:
        """Take one step on the ring as it stands, again and again until no other writer is first.

        `step` is pure and returns None if there is nothing to do; so does this. What it raises passes through.
        """
        for _ in range(_MOST_ATTEMPTS):
            ring = await self.read()
            if ring is None:
                raise ServiceUnavailable("no replica has made a key ring yet", error_id="key_ring")
            changed = step(ring)
            if changed is None or await self.put(changed, expected_version=ring.version):
                return changed
        raise ServiceUnavailable(f"the key ring changed {_MOST_ATTEMPTS} times during one step", error_id="key_ring")

    @asynccontextmanager
    async def changes(self) -> AsyncIterator[AsyncIterator[tuple[str, str]]]:
        """An iterator with an item for each change made from now on. A message may be lost: poll as well."""
        async with self._store.subscribe(_CHANGES) as messages:
            yield messages


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
                    "sealed": key.sealed,
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
    # Members that a later release may add are passed over (invariant 11).
    try:
        content: dict[str, Any] = json.loads(body)
        return Ring(version=content["version"], keys=tuple(_decode_key(key) for key in content["keys"]))
    except (ValueError, KeyError, TypeError, BrokenRing) as exc:
        raise ServiceUnavailable(f"the stored key ring is not readable: {exc!r:.200}", error_id="key_ring") from exc


def _decode_key(key: dict[str, Any]) -> RingKey:
    return RingKey(
        kid=key["kid"],
        algorithm=key["alg"],
        state=KeyState(key["state"]),
        public=key["public"],
        sealed=key["sealed"],
        published_ms=key["published_ms"],
        published_version=key["published_version"],
        token_lifetime_ms=key["token_lifetime_ms"],
        activated_ms=key["activated_ms"],
        remove_ms=key["remove_ms"],
    )
