"""Recognises a presented token and whether it is active: for introspection, revocation and UserInfo."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auth_service.grants.grant import Grant, GrantStatus
from auth_service.grants.refresh_token_format import NotARefreshToken, RefreshTokenFormat
from shared.access_token import SUPPORTED_ALGORITHMS, InvalidToken, VerifiedClaims, check_claims, check_header

if TYPE_CHECKING:
    from collections.abc import Callable

    from auth_service.grants.repository import GrantRepository
    from auth_service.introspection.revoked_tokens import RevokedTokenRepository
    from auth_service.keys.signer import Signer
    from auth_service.resources.catalogue import ResourceCatalogue


@dataclass(frozen=True, slots=True)
class LiveAccessToken:
    """An access token that verifies and whose grant has not ended."""

    claims: VerifiedClaims


@dataclass(frozen=True, slots=True)
class LiveRefreshToken:
    """A refresh token of a live grant."""

    grant: Grant
    is_current: bool
    """False for a replaced token with a valid MAC: it can revoke its grant, and nothing else."""


class TokenIntrospector:
    """Recognises tokens of this server: any other token is None. Raises only ServiceUnavailable."""

    def __init__(
        self,
        *,
        issuer: str,
        resources: ResourceCatalogue,
        signer: Signer,
        grants: GrantRepository,
        revoked: RevokedTokenRepository,
        refresh_tokens: RefreshTokenFormat,
        clock: Callable[[], float],
    ) -> None:
        self._issuer = issuer
        self._audiences = frozenset(r.identifier for r in resources.all)
        self._signer = signer
        self._grants = grants
        self._revoked = revoked
        self._refresh_tokens = refresh_tokens
        self._clock = clock

    async def inspect(self, unverified_token: str) -> LiveAccessToken | LiveRefreshToken | None:
        """The live token of either kind, or None; the caller need not know the kind (RFC 7009 section 2.1)."""
        if len(unverified_token) > 8192:
            return None
        return await self._refresh_token(unverified_token) or await self._access_token(unverified_token)

    async def _refresh_token(self, unverified_token: str) -> LiveRefreshToken | None:
        try:
            presented = self._refresh_tokens.read(unverified_token)
        except NotARefreshToken:
            return None
        grant = await self._grants.find(presented.grant_id)
        if grant is None or grant.status is not GrantStatus.LIVE or grant.expires_at <= self._clock():
            return None
        is_current = hmac.compare_digest(presented.secret_hash, grant.current_hash)
        return LiveRefreshToken(grant, is_current) if is_current or presented.authentic else None

    async def _access_token(self, unverified_token: str) -> LiveAccessToken | None:
        try:
            unverified_header, unverified_claims = self._signer.verify(unverified_token)
            check_header(unverified_header, allowed_algorithms=frozenset(SUPPORTED_ALGORITHMS))
            claims = check_claims(
                unverified_claims, issuer=self._issuer, audiences=self._audiences, now=self._clock(), leeway_seconds=0
            )
        except InvalidToken:
            return None
        if await self._revoked.contains(claims.token_id):
            return None
        if claims.grant_id is not None:
            grant = await self._grants.find(claims.grant_id)
            if grant is None or grant.status is not GrantStatus.LIVE:
                return None
        return LiveAccessToken(claims)
