"""The authorization code grant type: validate everything, sign, then consume the code (RFC 6749 section 4.1.3)."""

from __future__ import annotations

import hmac
from dataclasses import replace
from typing import TYPE_CHECKING

from auth_service.audit.events import AuditEvent
from auth_service.grants.code_format import NotACode, grant_of_code
from auth_service.grants.grant import Grant, GrantStatus
from auth_service.protocol.errors import InvalidGrant, InvalidRequest, InvalidTarget
from auth_service.protocol.opaque import new_secret, short_digest
from auth_service.protocol.pkce import is_verifier
from auth_service.resources.catalogue import canonical_resource
from shared.errors import ServiceUnavailable
from shared.http.client_address import network_of

if TYPE_CHECKING:
    from auth_service.audit.log import AuditLog
    from auth_service.grants.activation import GrantActivation
    from auth_service.grants.grant import GrantLifetimes
    from auth_service.grants.repository import GrantRepository
    from auth_service.protocol.parameters import Parameters
    from auth_service.token_endpoint.endpoint import IssuedTokens, TokenRequest, TokenSetIssuer
    from auth_service.token_endpoint.scope_policy import ReviewedUser, ScopePolicy


class AuthorizationCodeHandler:
    """Exchanges a code for tokens, once."""

    grant_type = "authorization_code"

    def __init__(
        self,
        *,
        grants: GrantRepository,
        activation: GrantActivation,
        scope_policy: ScopePolicy,
        tokens: TokenSetIssuer,
        lifetimes: GrantLifetimes,
        audit: AuditLog,
    ) -> None:
        self._grants = grants
        self._activation = activation
        self._scope_policy = scope_policy
        self._tokens = tokens
        self._lifetimes = lifetimes
        self._audit = audit

    async def exchange(self, request: TokenRequest) -> IssuedTokens:
        """Raises InvalidRequest, InvalidGrant, InvalidTarget, RedisUnavailable, ServiceUnavailable."""
        grant, code_hash = await self._validated(request)
        with_refresh = "refresh_token" in request.client.grant_types
        secret = new_secret() if with_refresh else ""
        user = await self._scope_policy.users.read(
            grant_id=grant.grant_id,
            subject=grant.subject,
            key=grant.identity,
            client_id=grant.client_id,
            resource=self._scope_policy.resources.find(grant.resource),
            granted_claims=grant.claims,
        )
        # Signed before the code is consumed: a failure afterwards would lose a valid code (invariant 8).
        issued = await self._issue(grant, request, user, secret)
        await self._activation.prepare(grant, absolute_expires_at=request.now + self._lifetimes.absolute)
        outcome = await self._grants.redeem_code(
            grant.grant_id,
            code_hash=code_hash,
            refresh_hash=short_digest(secret) if with_refresh else "",
            lifetimes=self._lifetimes,
            address=request.address,
            network=network_of(request.address),
        )
        if outcome != "redeemed":
            if outcome == "reused":
                self._audit.record(
                    AuditEvent.CODE_REPLAYED, user=grant.subject, client=grant.client_id, grant=grant.grant_id
                )
            if outcome == "expired":
                raise InvalidGrant("the code has expired", error_id="code_fresh")
            raise InvalidGrant(f"the code is {outcome}", error_id="code_unused")
        # From here on nothing fails: the code is consumed, and the client could not repeat the request.
        await self._activation.apply_limit(grant, now=request.now)
        self._audit.record(
            AuditEvent.GRANT_CREATED,
            user=grant.subject,
            client=grant.client_id,
            resource=grant.resource,
            grant=grant.grant_id,
            address=request.address,
        )
        return issued

    async def _validated(self, request: TokenRequest) -> tuple[Grant, str]:
        """Run every check before anything is consumed, in this order. Returns the grant and the hash of the code.

        Whether the code is unused is checked last, in the step that consumes it: a request that is otherwise invalid is
        no replay, and ends nothing (invariant 6, OAuth 2.1 section 7.5.3).
        """
        parameters = request.parameters
        code = parameters.require("code")
        verifier = parameters.require("code_verifier")
        if not is_verifier(verifier):
            raise InvalidRequest("code_verifier is malformed", error_id="code_verifier_form")
        try:
            grant_id = grant_of_code(code)
        except NotACode as exc:
            raise InvalidGrant(str(exc), error_id="code_form") from exc
        grant, code_hash = await self._grants.find(grant_id), short_digest(code)
        if grant is None or not hmac.compare_digest(grant.code_hash, code_hash):
            raise InvalidGrant("no such code", error_id="code_known")
        if grant.client_id != request.client.client_id:
            raise InvalidGrant("the code was issued to another client", error_id="code_client")
        _check_redirect_uri(grant, parameters)
        if not grant.has_verifier(verifier):
            raise InvalidGrant("code_verifier does not match the challenge", error_id="pkce")
        _check_resources(grant, parameters)
        self._check_configured(grant)
        if grant.status is GrantStatus.ENDED:
            raise InvalidGrant(f"the grant has ended: {grant.ended_reason}", error_id="code_ended")
        return grant, code_hash

    def _check_configured(self, grant: Grant) -> None:
        """Raise InvalidTarget if the resource was removed (invariant 15), ServiceUnavailable if it is new here."""
        if grant.resource in self._scope_policy.resources.grantable:
            return
        if grant.created_at * 1000 > self._scope_policy.read_at_ms:
            raise ServiceUnavailable(
                f"the resource {grant.resource} is configured in another replica only", error_id="resource_configured"
            )
        raise InvalidTarget(f"{grant.resource} is not configured any more", error_id="resource_configured")

    async def _issue(self, grant: Grant, request: TokenRequest, user: ReviewedUser, secret: str) -> IssuedTokens:
        scopes = self._scope_policy.scopes(grant.resource, grant.scopes, request.client, user)
        issued = await self._tokens.issue(
            grant_id=grant.grant_id,
            entry=grant.entry,
            subject=grant.subject,
            client_id=grant.client_id,
            resource=grant.resource,
            scopes=scopes,
            refresh_token=self._tokens.refresh_tokens.write(grant.grant_id, 0, secret) if secret else None,
            user_claims=user.claims,
            now=request.now,
        )
        narrowed = replace(grant, scopes=scopes)
        id_token = self._tokens.id_token(narrowed, access_token=issued.access_token, now=request.now)
        return issued._replace(id_token=id_token)


def _check_redirect_uri(grant: Grant, parameters: Parameters) -> None:
    """The redirect URI must equal the one of the authorization request (RFC 6749 section 4.1.3).

    OAuth 2.1 drops the parameter: it is compared if present, and PKCE binds the request if absent.
    """
    presented = parameters.get("redirect_uri")
    if presented is not None and not grant.has_redirect_uri(presented):
        raise InvalidGrant("redirect_uri differs from the authorization request", error_id="code_redirect_uri")


def _check_resources(grant: Grant, parameters: Parameters) -> None:
    """Every `resource` parameter must name the granted resource (RFC 8707 section 2.2). Raises InvalidTarget."""
    for value in parameters.all("resource"):
        if canonical_resource(value) != canonical_resource(grant.resource):
            raise InvalidTarget(f"resource {value!r:.200} is not the one granted", error_id="resource_granted")
