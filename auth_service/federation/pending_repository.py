"""Sign-ins in progress at a provider.

Keys, both of one sign-in in one slot; `state` is the digest of the random value that the browser carries:
  sp:{<state>}:upstream            string   the sign-in, encrypted JSON
  sp:{<state>}:upstream_response   string   a response that the browser posted, encrypted JSON

Both expire. They are encrypted under keys that are not in Redis: a copy of the store yields neither a PKCE verifier nor
a provider's code (invariant 4). A sign-in is consumed by one caller (invariant 3).
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, Final

from auth_service.federation.provider import PendingSignIn, Purpose
from auth_service.protocol.opaque import digest, new_secret
from shared.redis.client import load_script

if TYPE_CHECKING:
    from auth_service.encryption import RecordEncryption
    from shared.redis.client import RedisClient

PENDING_LABEL: Final = b"sallyport sign-in at a provider v1"
"""The label of the keys that encrypt sign-ins (EncryptionKeys.derive)."""

LIFETIME_SECONDS: Final = 600
RESPONSE_SECONDS: Final = 120
MAX_BYTES: Final = 12 * 1024
"""The maximum bytes of a stored sign-in that the user asked for."""
MAX_UNASKED_BYTES: Final = 3 * 1024
"""The maximum bytes of a sign-in that a GET began."""
MAX_RESPONSE_BYTES: Final = 16 * 1024
"""The maximum bytes of a posted form; a third more is stored."""

_KEEP_RESPONSE: Final = load_script("auth_service.federation", "keep_response")
_HANDLE: Final = re.compile(r"([0-9a-f]{64})\.([A-Za-z0-9_-]{43})")


class PendingSignInRepository:
    """Every asynchronous method raises RedisUnavailable, and only that."""

    def __init__(self, redis: RedisClient, encryption: RecordEncryption) -> None:
        self._redis = redis
        self._encryption = encryption

    def encrypt(self, pending: PendingSignIn) -> str:
        """The record of a sign-in, as it is stored. The caller bounds its size."""
        return self._encryption.encrypt(json.dumps(asdict(pending), separators=(",", ":")).encode())

    async def store(self, state: str, record: str) -> None:
        """Store the record of the sign-in with this state for LIFETIME_SECONDS."""
        await self._redis.command("SET", _key(digest(state)), record, "EX", LIFETIME_SECONDS)

    async def find(self, unverified_state: str) -> PendingSignIn | None:
        """The sign-in with this state; it is not consumed."""
        members = self._decrypt(await self._redis.command("GET", _key(digest(unverified_state))))
        if members is None or members["state"] != unverified_state:
            return None
        known = {field.name: members[field.name] for field in fields(PendingSignIn) if field.name in members}
        return PendingSignIn(**known | {"purpose": Purpose(members["purpose"])})

    async def consume(self, pending: PendingSignIn) -> bool:
        """End the sign-in; True for one caller only (atomic). The response that was kept goes with it."""
        state = digest(pending.state)
        consumed, _ = await self._redis.pipeline([("DEL", _key(state)), ("DEL", _response_key(state))])
        return bool(consumed)

    async def keep_response(self, unverified_state: str, parameters: Mapping[str, str]) -> str | None:
        """Keep a posted response for RESPONSE_SECONDS. Returns a handle for it; None without such a sign-in.

        A response that was kept before is replaced.
        """
        state, secret = digest(unverified_state), new_secret()
        record = self._encryption.encrypt(
            json.dumps({"handle": digest(secret), "parameters": dict(parameters)}, separators=(",", ":")).encode()
        )
        kept = await self._redis.run(
            _KEEP_RESPONSE, [_key(state), _response_key(state)], [record, RESPONSE_SECONDS * 1000]
        )
        return f"{state}.{secret}" if kept else None

    async def find_response(self, unverified_handle: str) -> dict[str, str] | None:
        """The parameters that were kept under this handle."""
        handle = _HANDLE.fullmatch(unverified_handle)
        if handle is None:
            return None
        members = self._decrypt(await self._redis.command("GET", _response_key(handle[1])))
        if members is None or not hmac.compare_digest(members["handle"], digest(handle[2])):
            return None
        parameters: dict[str, str] = members["parameters"]
        return parameters

    def _decrypt(self, record: str | None) -> dict[str, Any] | None:
        plaintext = None if record is None else self._encryption.decrypt(record)
        return None if plaintext is None else dict(json.loads(plaintext))


def _key(state: str) -> str:
    return f"sp:{{{state}}}:upstream"


def _response_key(state: str) -> str:
    return f"sp:{{{state}}}:upstream_response"
