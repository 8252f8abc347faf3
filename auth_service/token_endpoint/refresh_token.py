"""The refresh token grant type: one atomic step; races and lost responses yield the same successor (invariant 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from auth_service.audit.events import AuditEvent
from auth_service.grants.refresh_token_format import NotARefreshToken, RefreshToken, decrypt_successor, new_successor
from auth_service.protocol.errors import InvalidGrant, InvalidScope, InvalidTarget
from shared.scopes import parse_scope

if TYPE_CHECKING:
    from prometheus_client import Counter

    from auth_service.audit.log import AuditLog
    from auth_service.grants.grant import GrantLifetimes
    from auth_service.grants.repository import GrantRepository, Rotation
    from auth_service.protocol.parameters import Parameters
    from auth_service.rate_limits.limits import RateLimits
    from auth_service.resources.catalogue import ResourceCatalogue
    from auth_service.token_endpoint.endpoint import IssuedTokens, TokenRequest, TokenSetIssuer

_ISSUING: Final = frozenset({"rotated", "repeated", "recovered"})
OUTCOMES: Final = (
    *sorted(_ISSUING),
    "unknown",
    "wrong_client",
    "wrong_resource",
    "ended",
    "expired",
    "diverged",
    "reused",
)


class RefreshRecorder:
    """Counts every outcome; audits reuse and repetition, as different events."""

    def __init__(self, audit: AuditLog, outcomes: Counter) -> None:
        self._audit = audit
        # A label look-up costs more than the count itself.
        self._outcomes = {outcome: outcomes.labels(outcome) for outcome in OUTCOMES}

    def record(self, rotation: Rotation, presented: RefreshToken, request: TokenRequest) -> None:
        """Record one presented refresh token."""
        self._outcomes[rotation.outcome].inc()
        if rotation.outcome == "reused":
            event = AuditEvent.TOKEN_REFRESH_REUSED
        elif rotation.outcome in {"repeated", "recovered"}:
            # A race, a lost response or a failover.
            event = AuditEvent.TOKEN_REFRESH_REPEATED
        else:
            return
        self._audit.record(
            event,
            user=rotation.subject,
            grant=presented.grant_id,
            client=request.client.client_id,
            address=request.address,
            reason=rotation.reason or rotation.outcome,
        )


class RefreshTokenHandler:
    """Exchanges a refresh token for its successor and an access token."""

    grant_type = "refresh_token"

    def __init__(
        self,
        *,
        grants: GrantRepository,
        resources: ResourceCatalogue,
        tokens: TokenSetIssuer,
        lifetimes: GrantLifetimes,
        limits: RateLimits,
        recorder: RefreshRecorder,
    ) -> None:
        self._grants = grants
        self._resources = resources
        self._tokens = tokens
        self._lifetimes = lifetimes
        self._limits = limits
        self._recorder = recorder

    async def exchange(self, request: TokenRequest) -> IssuedTokens:
        """Raises InvalidRequest, InvalidScope, InvalidTarget, InvalidGrant, TooManyRequests, ServiceUnavailable."""
        presented, resource, requested = self._validated(request.parameters)
        self._tokens.ready()
        successor = new_successor(presented.secret)
        rotation = await self._grants.rotate(
            presented,
            client_id=request.client.client_id,
            resource=resource,
            successor_hash=successor.hash,
            successor_encrypted=successor.encrypted,
            now=request.now,
            lifetime_seconds=self._lifetimes.unused,
            reuse_interval_seconds=self._lifetimes.reuse_interval,
            address=request.address,
        )
        self._recorder.record(rotation, presented, request)
        if rotation.outcome == "wrong_resource":
            raise InvalidTarget(rotation.reason, error_id="resource_granted")
        if rotation.outcome not in _ISSUING:
            raise InvalidGrant(f"{rotation.outcome}: {rotation.reason}", error_id=f"refresh_{rotation.outcome}")
        secret = _current_secret(rotation, presented) if rotation.outcome == "repeated" else successor.secret
        return self._tokens.issue(
            grant_id=presented.grant_id,
            subject=rotation.subject,
            client_id=request.client.client_id,
            resource=rotation.resource,
            scopes=self._narrowed(rotation, requested),
            refresh_token=self._tokens.refresh_tokens.write(presented.grant_id, rotation.generation, secret),
            now=request.now,
        )

    def _validated(self, parameters: Parameters) -> tuple[RefreshToken, str | None, tuple[str, ...]]:
        """The checks that do not need Redis; the script runs the others and consumes in the same step."""
        try:
            presented = self._tokens.refresh_tokens.read(parameters.require("refresh_token"))
        except NotARefreshToken as exc:
            raise InvalidGrant(str(exc), error_id="refresh_token_form") from exc
        if presented.authentic:
            # Only tokens with a valid MAC count, so that an attacker cannot exhaust the grant's limit.
            self._limits.check_grant(presented.grant_id)
        resources = parameters.all("resource")
        resource = self._resources.find_one(resources) if resources else None
        if resources and resource is None:
            raise InvalidTarget("resource is unknown or not one", error_id="resource_known")
        try:
            requested = parse_scope(parameters.get("scope") or "")
        except ValueError as exc:
            raise InvalidScope(str(exc), error_id="scope_grammar") from exc
        return presented, resource.identifier if resource else None, requested

    def _narrowed(self, rotation: Rotation, requested: tuple[str, ...]) -> tuple[str, ...]:
        """The requested scopes that were granted; others are dropped, not rejected (interop.md A9)."""
        resource = self._resources.find(rotation.resource) if requested else None
        if resource is None:
            return rotation.scopes
        allowed = resource.hierarchy().effective(rotation.scopes)
        kept = tuple(s for s in requested if s in allowed)
        return kept or rotation.scopes


def _current_secret(rotation: Rotation, presented: RefreshToken) -> str:
    """Decrypt along the chain, from the presented token's secret to the current one."""
    secret = presented.secret
    for encrypted, successor_hash in rotation.chain:
        secret = decrypt_successor(secret, encrypted, successor_hash)
    return secret
