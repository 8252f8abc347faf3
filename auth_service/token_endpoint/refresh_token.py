"""The refresh token grant type: one atomic step; races and lost responses yield the same successor (invariant 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from auth_service.audit.events import AuditEvent
from auth_service.grants.access_removal import USER_ENDED
from auth_service.grants.refresh_token_format import NotARefreshToken, RefreshToken, Successor, follow, new_successor
from auth_service.protocol.errors import InvalidGrant, InvalidScope, InvalidTarget
from auth_service.resources.catalogue import canonical_resource
from auth_service.token_endpoint.scope_policy import NOT_REVIEWED
from shared.errors import ServiceUnavailable
from shared.scopes import parse_scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prometheus_client import Counter

    from auth_service.audit.log import AuditLog
    from auth_service.clients.client import Client
    from auth_service.grants.grant import Grant, GrantLifetimes
    from auth_service.grants.repository import GrantRepository, Rotation
    from auth_service.protocol.parameters import Parameters
    from auth_service.rate_limits.limits import RateLimits
    from auth_service.token_endpoint.endpoint import IssuedTokens, TokenRequest, TokenSetIssuer
    from auth_service.token_endpoint.scope_policy import ReviewedUser, ScopePolicy

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
    "resource_removed",
    "not_configured",
    "list_full",
    "identity_refused",
    "identity_age",
)


class RefreshRecorder:
    """Counts every outcome; audits reuse and repetition, as different events."""

    def __init__(self, audit: AuditLog, outcomes: Counter) -> None:
        self._audit = audit
        # A label look-up costs more than the count itself.
        self._outcomes = {outcome: outcomes.labels(outcome) for outcome in OUTCOMES}

    def refused(self, outcome: str) -> None:
        """Count a token that was presented while the identity of its user is not let in."""
        if outcome in self._outcomes:
            self._outcomes[outcome].inc()

    def record(self, rotation: Rotation, presented: RefreshToken, request: TokenRequest) -> None:
        """Record one presented refresh token."""
        self._outcomes[rotation.outcome].inc()
        if rotation.dropped:
            self._audit.record(
                AuditEvent.GRANT_NARROWED,
                user=rotation.subject,
                grant=presented.grant_id,
                client=request.client.client_id,
                resource=rotation.resource,
                scope=" ".join(rotation.scopes),
                reason=f"may not have today: {' '.join(rotation.dropped)}",
            )
        if rotation.outcome == "reused":
            event = AuditEvent.TOKEN_REFRESH_REUSED
        elif rotation.outcome in {"repeated", "recovered"}:
            # A race, a lost response or a failover.
            event = AuditEvent.TOKEN_REFRESH_REPEATED
        elif rotation.outcome in {"resource_removed", "list_full"}:
            event = AuditEvent.GRANT_REVOKED
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
        scope_policy: ScopePolicy,
        tokens: TokenSetIssuer,
        lifetimes: GrantLifetimes,
        limits: RateLimits,
        recorder: RefreshRecorder,
    ) -> None:
        self._grants = grants
        self._scope_policy = scope_policy
        self._resources = scope_policy.resources
        self._tokens = tokens
        self._lifetimes = lifetimes
        self._limits = limits
        self._recorder = recorder

    async def exchange(self, request: TokenRequest) -> IssuedTokens:
        """Raises InvalidRequest, InvalidScope, InvalidTarget, InvalidGrant, TooManyRequests, ServiceUnavailable."""
        presented, requested = self._validated(request.parameters)
        resource = await self._named_resource(request.parameters.all("resource"), presented.grant_id)
        self._tokens.ready()
        user = await self._check_scope(presented.grant_id, requested, request.client) if requested else None
        successor = new_successor(presented.secret)
        rotation = await self._rotate(presented, resource, successor, request, user)
        if rotation.outcome == "unreviewed":
            user = await self._review(presented.grant_id, rotation, request.client)
            rotation = await self._rotate(presented, resource, successor, request, user)
        self._recorder.record(rotation, presented, request)
        if rotation.outcome == "wrong_resource":
            raise InvalidTarget(rotation.reason, error_id="resource_granted")
        if rotation.outcome == "not_configured":
            raise ServiceUnavailable(
                f"the resource {rotation.reason} is configured in another replica only", error_id="resource_configured"
            )
        if rotation.outcome not in _ISSUING:
            raise InvalidGrant(f"{rotation.outcome}: {rotation.reason}", error_id=f"refresh_{rotation.outcome}")
        if rotation.subject in self._scope_policy.ending_users:
            await self._grants.end(presented.grant_id, reason=USER_ENDED)
            raise InvalidGrant("the user was removed or suspended", error_id="user_active")
        secret = follow(presented.secret, rotation.chain) if rotation.outcome == "repeated" else successor.secret
        return await self._tokens.issue(
            grant_id=presented.grant_id,
            entry=rotation.entry,
            subject=rotation.subject,
            client_id=request.client.client_id,
            resource=rotation.resource,
            scopes=self._narrowed(rotation.resource, rotation.scopes, requested, request.client, user or NOT_REVIEWED),
            refresh_token=self._tokens.refresh_tokens.write(presented.grant_id, rotation.generation, secret),
            user_claims=user.claims if user else {},
            now=request.now,
        )

    async def _rotate(
        self,
        presented: RefreshToken,
        resource: str | None,
        successor: Successor,
        request: TokenRequest,
        user: ReviewedUser | None,
    ) -> Rotation:
        return await self._grants.rotate(
            presented,
            client_id=request.client.client_id,
            resource=resource,
            successor=successor,
            lifetimes=self._lifetimes,
            scopes=self._scope_policy.allowed_now(request.client, user),
            address=request.address,
        )

    async def _review(self, grant_id: str, found: Grant | Rotation, client: Client) -> ReviewedUser:
        """Review the user before anything is consumed, so that the token works after a new sign-in (invariant 13)."""
        try:
            return await self._scope_policy.users.read(
                grant_id=grant_id,
                subject=found.subject,
                key=found.identity,
                client_id=client.client_id,
                resource=self._resources.find(found.resource),
                granted_claims=found.claims,
            )
        except InvalidGrant as exc:
            self._recorder.refused(exc.error_id)
            raise

    def _validated(self, parameters: Parameters) -> tuple[RefreshToken, tuple[str, ...]]:
        """Run the checks that do not need Redis; the script runs the others and consumes in the same step."""
        try:
            presented = self._tokens.refresh_tokens.read(parameters.require("refresh_token"))
        except NotARefreshToken as exc:
            raise InvalidGrant(str(exc), error_id="refresh_token_form") from exc
        # Only tokens with a valid MAC count, so that an attacker cannot exhaust the grant's limit.
        self._limits.check_grant(presented.grant_id)
        try:
            requested = parse_scope(scope) if (scope := parameters.get("scope")) else ()
        except ValueError as exc:
            raise InvalidScope(str(exc), error_id="scope_grammar") from exc
        return presented, requested

    async def _named_resource(self, values: Sequence[str], grant_id: str) -> str | None:
        """The identifier of the resource that the request names, or None. Raises InvalidTarget."""
        if not values:
            return None
        found = self._resources.find_one(values)
        if found is not None:
            return found.identifier
        # The grant's own resource was removed, or another replica has it already: the atomic step tells which.
        grant = await self._grants.find(grant_id)
        if grant is None or {canonical_resource(value) for value in values} != {canonical_resource(grant.resource)}:
            raise InvalidTarget("resource is unknown or not one", error_id="resource_known")
        return grant.resource

    async def _check_scope(self, grant_id: str, requested: tuple[str, ...], client: Client) -> ReviewedUser | None:
        """Raise InvalidScope if no requested scope is granted, before the token is consumed.

        Returns the user for whom that was decided.
        """
        grant = await self._grants.find(grant_id)
        if grant is None or grant.client_id != client.client_id or grant.resource not in self._resources.grantable:
            return None  # refused by the atomic step, for a reason of its own
        user = await self._review(grant_id, grant, client)
        if not self._narrowed(grant.resource, grant.scopes, requested, client, user):
            raise InvalidScope("none of the requested scopes is granted", error_id="scope_granted")
        return user

    def _narrowed(
        self,
        resource: str,
        granted: tuple[str, ...],
        requested: tuple[str, ...],
        client: Client,
        user: ReviewedUser,
    ) -> tuple[str, ...]:
        """The requested or else all scopes that were granted and may be granted today (invariant 15).

        A scope that was not granted is dropped, not rejected, unless nothing remains (interop.md A9).
        """
        current = self._scope_policy.scopes(resource, granted, client, user)
        found = self._resources.find(resource) if requested else None
        if found is None:
            return current
        allowed = found.hierarchy().effective(current)
        return tuple(s for s in requested if s in allowed)
