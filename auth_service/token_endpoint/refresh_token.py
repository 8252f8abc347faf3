"""The refresh token grant: one atomic step decides; races and lost answers get the same successor (invariant 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from auth_service.audit.events import AuditEvent
from auth_service.grants.refresh_token_format import NotARefreshToken, RefreshToken, new_successor, unseal_successor
from auth_service.protocol.errors import InvalidGrant, InvalidScope, InvalidTarget
from auth_service.token_endpoint.grant_handler import IssuedTokens, TokenRequest
from shared.scopes import parse_scope

if TYPE_CHECKING:
    from prometheus_client import Counter

    from auth_service.audit.log import AuditLog
    from auth_service.grants.refresh_token_format import RefreshTokenFormat
    from auth_service.grants.repository import GrantRepository, Rotation
    from auth_service.protocol.parameters import Parameters
    from auth_service.rate_limits.limits import RateLimits
    from auth_service.resources.catalogue import ResourceCatalogue
    from auth_service.tokens.access_token import AccessTokenIssuer

_ISSUES: Final = frozenset({"rotated", "repeated", "recovered"})
OUTCOMES: Final = (
    *sorted(_ISSUES),
    "unknown",
    "wrong_client",
    "wrong_resource",
    "ended",
    "expired",
    "forked",
    "reused",
)


class RefreshTokenHandler:
    """Turns a refresh token into its successor and an access token."""

    grant_type = "refresh_token"

    def __init__(
        self,
        *,
        grants: GrantRepository,
        resources: ResourceCatalogue,
        token_issuer: AccessTokenIssuer,
        refresh_tokens: RefreshTokenFormat,
        lifetime_seconds: int,
        grace_seconds: int,
        audit: AuditLog,
        limits: RateLimits,
        outcomes: Counter,
    ) -> None:
        """`outcomes` counts by outcome: a benign repetition and a theft look different to the operator."""
        self._grants = grants
        self._resources = resources
        self._minter = token_issuer
        self._refresh_tokens = refresh_tokens
        self._lifetime = lifetime_seconds
        self._grace = grace_seconds
        self._audit = audit
        self._limits = limits
        # Looking a label up costs more than counting.
        self._outcomes = {outcome: outcomes.labels(outcome) for outcome in OUTCOMES}

    async def exchange(self, request: TokenRequest) -> IssuedTokens:
        """Raises InvalidRequest, InvalidScope, InvalidTarget, InvalidGrant, TooManyRequests, ServiceUnavailable."""
        presented, resource, asked = self._validated(request.form)
        self._minter.ready()
        successor = new_successor(presented.secret)
        rotation = await self._grants.rotate(
            presented,
            client_id=request.client.client_id,
            resource=resource,
            successor_hash=successor.hash,
            successor_sealed=successor.sealed,
            now=request.now,
            lifetime_seconds=self._lifetime,
            grace_seconds=self._grace,
            address=request.address,
        )
        self._outcomes[rotation.outcome].inc()
        if rotation.outcome not in _ISSUES:
            self._refuse(rotation, presented, request)
        if rotation.outcome != "rotated":
            # Harmless, but worth seeing beside the thefts: a race, a lost answer, or a failover.
            self._record(AuditEvent.TOKEN_REFRESH_REPEATED, rotation, presented, request)
        secret = _follow(rotation, presented) if rotation.outcome == "repeated" else successor.secret
        return self._issue(rotation, presented.grant_id, secret, request, asked)

    def _validated(self, form: Parameters) -> tuple[RefreshToken, str | None, tuple[str, ...]]:
        """What can be checked without the store; the script checks the rest and consumes in the same step."""
        try:
            presented = self._refresh_tokens.read(form.require("refresh_token"))
        except NotARefreshToken as exc:
            raise InvalidGrant(str(exc), error_id="refresh_token_form") from exc
        if presented.authentic:
            # Our mark: nobody else can use up this grant's allowance.
            self._limits.grant(presented.grant_id)
        requested = form.all("resource")
        resource = self._resources.find_one(requested)
        if requested and resource is None:
            raise InvalidTarget("resource is unknown or not one", error_id="resource_known")
        try:
            asked = parse_scope(form.get("scope") or "")
        except ValueError as exc:
            raise InvalidScope(str(exc), error_id="scope_grammar") from exc
        return presented, resource.identifier if resource else None, asked

    def _refuse(self, rotation: Rotation, presented: RefreshToken, request: TokenRequest) -> None:
        if rotation.outcome == "reused":
            self._record(AuditEvent.TOKEN_REFRESH_REUSED, rotation, presented, request)
        if rotation.outcome == "wrong_resource":
            raise InvalidTarget(rotation.reason, error_id="resource_granted")
        raise InvalidGrant(f"{rotation.outcome}: {rotation.reason}", error_id=f"refresh_{rotation.outcome}")

    def _record(self, event: AuditEvent, rotation: Rotation, presented: RefreshToken, request: TokenRequest) -> None:
        self._audit.record(
            event,
            user=rotation.subject,
            grant=presented.grant_id,
            client=request.client.client_id,
            address=request.address,
            reason=rotation.reason or rotation.outcome,
        )

    def _issue(
        self, rotation: Rotation, grant_id: str, successor: str, request: TokenRequest, asked: tuple[str, ...]
    ) -> IssuedTokens:
        scopes = self._narrowed(rotation, asked)
        access = self._minter.issue(
            subject=rotation.subject,
            client_id=request.client.client_id,
            resource=rotation.resource,
            scopes=scopes,
            grant_id=grant_id,
            now=request.now,
        )
        return IssuedTokens(
            access_token=access.value,
            expires_in=access.expires_in,
            scopes=scopes,
            subject=rotation.subject,
            grant_id=grant_id,
            refresh_token=self._refresh_tokens.write(grant_id, rotation.generation, successor),
        )

    def _narrowed(self, rotation: Rotation, asked: tuple[str, ...]) -> tuple[str, ...]:
        """Fewer scopes if fewer were asked for; what was never granted is dropped, not refused (interop.md A9)."""
        resource = self._resources.find(rotation.resource)
        if not asked or resource is None:
            return rotation.scopes
        allowed = resource.hierarchy().effective(rotation.scopes)
        kept = tuple(s for s in asked if s in allowed)
        return kept or rotation.scopes


def _follow(rotation: Rotation, presented: RefreshToken) -> str:
    """Unseal from the presented token's secret up to the current one."""
    secret = presented.secret
    for sealed, successor_hash in rotation.chain:
        secret = unseal_successor(secret, sealed, successor_hash)
    return secret
