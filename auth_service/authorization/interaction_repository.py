"""The repository of interactions, whose identifiers are `<list>-<random>`.

Keys: sp:{<list>}:interaction:<random>   string   JSON, expires
      sp:{<list>}:decision:<random>      string   text, expires
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from auth_service.authorization.interaction import ConsentDecision, Interaction
from auth_service.grants.record import PROLOGUE, new_record
from auth_service.grants.repository import candidate_entries, grant_key
from auth_service.protocol.opaque import split_identifier
from auth_service.status_lists.identifiers import allocated_key, status_key
from shared.errors import ServiceUnavailable
from shared.redis.client import load_script

if TYPE_CHECKING:
    from auth_service.grants.grant import NewGrant
    from shared.redis.client import RedisClient

_RECORD_CONSENT: Final = load_script("auth_service.authorization", "record_consent", prologue=PROLOGUE)

REPLAY_WINDOW_SECONDS: Final = 600
"""A grant is kept this long after its code expired, so that a late replay is recognised."""

DECISION_SLACK_SECONDS: Final = 600
"""A decision outlives its interaction by the most that the clocks of a replica and of Redis may differ."""


@dataclass(frozen=True, slots=True)
class RecordedConsent:
    """The decision of an interaction."""

    decision: ConsentDecision
    is_new: bool
    """True if this call recorded it; False if an earlier decision stands and this call changed nothing."""


class InteractionRepository:
    """Stores the interactions of signed-in browsers until they expire; records one decision for each interaction."""

    def __init__(self, redis: RedisClient, *, grant_seconds: int) -> None:
        """`grant_seconds` is the time after which the last token of a grant has expired."""
        self._redis = redis
        self._grant_seconds = grant_seconds

    async def store(self, interaction: Interaction) -> None:
        """Store an interaction for the rest of its life; again if it is stored. Raises RedisUnavailable."""
        expires_at_ms = interaction.expires_at * 1000
        await self._redis.command(
            "SET", _key(interaction.identifier), interaction.to_json().decode(), "PXAT", expires_at_ms
        )

    async def find(self, identifier: str) -> Interaction | None:
        """Read a stored interaction and its decision, if any. Raises RedisUnavailable."""
        text, decision = await self._redis.command("MGET", _key(identifier), _decision_key(identifier))
        if text is None:
            return None
        return replace(Interaction.from_json(text), decision=ConsentDecision(decision) if decision else None)

    async def find_decision(self, identifier: str) -> ConsentDecision | None:
        """Read the decision of an interaction, stored or not. Raises RedisUnavailable."""
        decision = await self._redis.command("GET", _decision_key(identifier))
        return ConsentDecision(decision) if decision else None

    async def record_consent(
        self,
        interaction: Interaction,
        decision: ConsentDecision,
        *,
        grant: NewGrant,
        code_lifetime_seconds: int,
    ) -> RecordedConsent | None:
        """Record the decision once, atomically; an approval creates the grant. Returns the decision that is recorded.

        Returns None if the interaction has expired, by the clock of Redis and with the slack. Raises ServiceUnavailable
        without a free entry in its status list.
        """
        list_id, _ = split_identifier(interaction.identifier)
        remembered_until = interaction.expires_at + DECISION_SLACK_SECONDS
        outcome, decided = await self._redis.run(
            _RECORD_CONSENT,
            [
                _decision_key(interaction.identifier),
                grant_key(interaction.identifier),
                allocated_key(list_id),
                status_key(list_id),
            ],
            [
                decision.value,
                remembered_until * 1000,
                code_lifetime_seconds * 1000,
                REPLAY_WINDOW_SECONDS * 1000,
                candidate_entries(),
                self._grant_seconds * 1000,
                new_record(grant),
            ],
        )
        if outcome == "full":
            raise ServiceUnavailable(f"the status list {list_id} has no free entry", error_id="status_list_full")
        return None if outcome == "gone" else RecordedConsent(ConsentDecision(decided), is_new=outcome == "new")


def _key(identifier: str) -> str:
    list_id, random = split_identifier(identifier)
    return f"sp:{{{list_id}}}:interaction:{random}"


def _decision_key(identifier: str) -> str:
    list_id, random = split_identifier(identifier)
    return f"sp:{{{list_id}}}:decision:{random}"
