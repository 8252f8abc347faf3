"""Records a consent decision: at most one per interaction, and an approval creates the grant in the same step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auth_service.audit.events import AuditEvent
from auth_service.authorization.interaction import ConsentDecision, Interaction, expired
from auth_service.authorization.interaction_repository import DECISION_SLACK_SECONDS
from auth_service.grants.code_format import derive_code
from auth_service.grants.grant import GrantStatus, NewGrant
from auth_service.protocol.errors import PageError
from auth_service.protocol.opaque import short_digest
from auth_service.texts import message

if TYPE_CHECKING:
    from auth_service.audit.log import AuditLog
    from auth_service.authorization.deciding_user import DecidingUser
    from auth_service.authorization.interaction_repository import InteractionRepository
    from auth_service.clients.client import Client
    from auth_service.grants.repository import GrantRepository
    from auth_service.rate_limits.limits import RateLimits
    from auth_service.resources.choice import Choice
    from auth_service.sessions.cookies import Browser
    from auth_service.sessions.repository import Session


@dataclass(frozen=True, slots=True)
class RecordedDecision:
    """The recorded decision, and the parameters of the authorization response."""

    decision: ConsentDecision
    response_parameters: dict[str, str]


class ConsentDecisions:
    """Records decisions. A repeated form post yields the decision that was recorded first."""

    def __init__(
        self,
        *,
        interactions: InteractionRepository,
        grants: GrantRepository,
        limits: RateLimits,
        audit: AuditLog,
        code_lifetime_seconds: int,
        clock: Callable[[], float],
    ) -> None:
        self._interactions = interactions
        self._grants = grants
        self._limits = limits
        self._audit = audit
        self._code_lifetime = code_lifetime_seconds
        self._clock = clock

    async def check_limit(self, session: Session) -> None:
        """Count an attempt to decide. Raises TooManyRequests, RedisUnavailable."""
        await self._limits.check_decision(session.subject)

    async def record(
        self,
        interaction: Interaction,
        decision: ConsentDecision,
        choice: Choice,
        client: Client,
        user: DecidingUser,
        browser: Browser,
    ) -> RecordedDecision:
        """Record the decision, and with an approval the choice. Raises PageError, RedisUnavailable."""
        code = derive_code(browser.secret, interaction.identifier, interaction.nonce)
        recorded = await self._record_once(interaction, decision, choice, client, user, code)
        if recorded is ConsentDecision.DENY:
            return RecordedDecision(recorded, {"error": "access_denied", "error_description": "The user declined."})
        if interaction.decision is not None:
            await self._check_code_is_unused(interaction)
        # Before the code leaves: what ends all access of the user finds its grant, redeemed or not (invariant 12).
        await self._grants.index(
            interaction.identifier,
            subject=user.session.subject,
            absolute_expires_at=interaction.expires_at + self._code_lifetime + DECISION_SLACK_SECONDS,
        )
        return RecordedDecision(recorded, {"code": code})

    async def _record_once(
        self,
        interaction: Interaction,
        decision: ConsentDecision,
        choice: Choice,
        client: Client,
        user: DecidingUser,
        code: str,
    ) -> ConsentDecision:
        requested, session = interaction.request, user.session
        outcome = await self._interactions.record_consent(
            interaction,
            decision,
            code_lifetime_seconds=self._code_lifetime,
            grant=NewGrant(
                subject=session.subject,
                username=session.username,
                client_id=client.client_id,
                client_name=(client.client_name or "")[:100],
                resource=requested.resource,
                scopes=choice.scopes,
                redirect_uri=requested.redirect_uri,
                code_hash=short_digest(code),
                code_challenge=requested.code_challenge,
                authenticated_at=int(session.authenticated_at),
                nonce=requested.nonce,
                identity=session.identity,
                claims=choice.claims,
            ),
        )
        if outcome is None:
            raise expired("the interaction expired before the decision", error_id="interaction_known")
        if outcome.is_new:
            self._audit_decision(interaction, outcome.decision, choice, user)
        return outcome.decision

    def _audit_decision(
        self, interaction: Interaction, decision: ConsentDecision, choice: Choice, user: DecidingUser
    ) -> None:
        approved = decision is ConsentDecision.APPROVE
        left_out = [s for s in user.scopes if s not in choice.scopes]
        left_out += [f"claim {c}" for c in user.resource.claims if c not in choice.claims]
        self._audit.record(
            AuditEvent.CONSENT_APPROVED if approved else AuditEvent.CONSENT_DENIED,
            user=user.session.subject,
            client=interaction.request.client_id,
            resource=interaction.request.resource,
            grant=interaction.identifier,
            scope=" ".join(choice.scopes if approved else user.scopes),
            reason=f"the user left out: {', '.join(left_out)}" if approved and left_out else "",
        )

    async def _check_code_is_unused(self, interaction: Interaction) -> None:
        """Raise PageError if the code was used: a second use would end its grant (invariant 6)."""
        grant = await self._grants.find(interaction.identifier)
        if grant is None or grant.status is not GrantStatus.CODE or self._clock() >= grant.expires_at:
            raise PageError(
                "the decision was recorded before, and its code is used or expired",
                error_id="decision_current",
                title=message("You've already decided"),
                public=message("The app has got your answer."),
                hint=message("You can close this page. If the app doesn't work, connect it again from there."),
            )
