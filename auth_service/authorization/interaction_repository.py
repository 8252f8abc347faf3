"""Interactions in the store: `sp:{<id>}:interaction` (JSON, expires) and `sp:{<id>}:decision` (text, expires)."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from auth_service.authorization.interaction import Decision, Interaction
from auth_service.authorization.request import AuthorizationRequest
from auth_service.grants.redis_keys import grant_key
from shared.redis.scripts import load_script

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.redis.client import Argument, RedisClient

_DECIDE: Final = load_script("auth_service.authorization", "record_consent")


class InteractionRepository:
    """Keeps interactions until they expire; decides each at most once."""

    def __init__(self, store: RedisClient, *, lifetime_seconds: int) -> None:
        self._store = store
        self._lifetime = lifetime_seconds

    async def begin(self, interaction: Interaction) -> None:
        """Keep a new interaction. Raises RedisUnavailable."""
        record = {
            "browser": interaction.browser_hash,
            "nonce": interaction.nonce,
            "started_at": interaction.started_at,
            "request": asdict(interaction.request),
        }
        await self._store.command("SET", _key(interaction.identifier), json.dumps(record), "EX", self._lifetime)

    async def find(self, identifier: str) -> Interaction | None:
        """Read an interaction and its decision, if any. Raises RedisUnavailable."""
        text, decision = await self._store.command("MGET", _key(identifier), _decision_key(identifier))
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
            decision=Decision(decision) if decision else None,
        )

    async def decide(
        self, identifier: str, decision: Decision, *, grant: Mapping[str, Argument], grant_expires_at: float
    ) -> Decision | None:
        """Decide once (atomic); an approval makes the grant with these fields. Answers the decision in force.

        None means that the interaction expired. `grant_expires_at` in seconds since 1970.
        """
        fields = [item for pair in grant.items() for item in pair]
        made = await self._store.run(
            _DECIDE,
            [_key(identifier), _decision_key(identifier), grant_key(identifier)],
            [decision.value, self._lifetime, int(grant_expires_at * 1000), *fields],
        )
        return None if made == "gone" else Decision(made)


def _key(identifier: str) -> str:
    return f"sp:{{{identifier}}}:interaction"


def _decision_key(identifier: str) -> str:
    return f"sp:{{{identifier}}}:decision"
