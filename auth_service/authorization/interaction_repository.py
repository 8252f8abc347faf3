"""The repository of interactions: `sp:{<id>}:interaction` (JSON, expires), `sp:{<id>}:decision` (text, expires)."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from auth_service.authorization.interaction import ConsentDecision, Interaction
from auth_service.authorization.request import AuthorizationRequest
from auth_service.grants.repository import grant_key
from shared.redis.client import load_script

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.redis.client import Argument, RedisClient

_RECORD_CONSENT: Final = load_script("auth_service.authorization", "record_consent")


class InteractionRepository:
    """Stores interactions until they expire; records one decision for each."""

    def __init__(self, redis: RedisClient, *, lifetime_seconds: int) -> None:
        self._redis = redis
        self._lifetime = lifetime_seconds

    async def begin(self, interaction: Interaction) -> None:
        """Store a new interaction. Raises RedisUnavailable."""
        record = {
            "browser": interaction.browser_hash,
            "nonce": interaction.nonce,
            "started_at": interaction.started_at,
            "request": asdict(interaction.request),
        }
        await self._redis.command("SET", _key(interaction.identifier), json.dumps(record), "EX", self._lifetime)

    async def find(self, identifier: str) -> Interaction | None:
        """Read an interaction and its decision, if any. Raises RedisUnavailable."""
        text, decision = await self._redis.command("MGET", _key(identifier), _decision_key(identifier))
        if text is None:
            return None
        record = json.loads(text)
        request = record["request"]
        request["scopes"] = tuple(request["scopes"])
        return Interaction(
            identifier=identifier,
            browser_hash=record["browser"],
            nonce=record["nonce"],
            started_at=record["started_at"],
            request=AuthorizationRequest(**request),
            decision=ConsentDecision(decision) if decision else None,
        )

    async def record_consent(
        self, identifier: str, decision: ConsentDecision, *, grant: Mapping[str, Argument], grant_expires_at: float
    ) -> ConsentDecision | None:
        """Record the decision once, atomically; an approval creates the grant. Returns the decision that is recorded.

        Returns None if the interaction has expired. `grant_expires_at` is in seconds since 1970.
        """
        fields = [item for pair in grant.items() for item in pair]
        recorded = await self._redis.run(
            _RECORD_CONSENT,
            [_key(identifier), _decision_key(identifier), grant_key(identifier)],
            [decision.value, self._lifetime, int(grant_expires_at * 1000), *fields],
        )
        return None if recorded == "gone" else ConsentDecision(recorded)


def _key(identifier: str) -> str:
    return f"sp:{{{identifier}}}:interaction"


def _decision_key(identifier: str) -> str:
    return f"sp:{{{identifier}}}:decision"
