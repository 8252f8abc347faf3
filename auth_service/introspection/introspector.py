"""The kind of a presented token and whether it is live: for introspection, revocation and UserInfo.

An access token passes the same verifier as at mcp_service; then its grant is looked up.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auth_service.grants.grant import Grant, GrantStatus
from auth_service.grants.refresh_token_format import NotARefreshToken, RefreshTokenFormat
from shared.jose.jws import MAX_BYTES, InvalidToken

if TYPE_CHECKING:
    from collections.abc import Callable

    from auth_service.grants.repository import GrantRepository
    from shared.access_tokens.profile import VerifiedClaims
    from shared.access_tokens.verifier import TokenVerifier


@dataclass(frozen=True, slots=True)
class LiveAccessToken:
    """An access token that verifies and whose grant has not ended."""

    claims: VerifiedClaims
    grant: Grant

    @property
    def is_current(self) -> bool:
        """Whether the grant was not narrowed since. If it was, the token can only revoke the grant (invariant 12)."""
        return self.claims.status is not None and self.claims.status.entry == self.grant.entry

    @property
    def grant_id(self) -> str:
        """The id of its grant."""
        return self.grant.grant_id

    @property
    def client_id(self) -> str:
        """The client that it was issued to."""
        return self.claims.client_id

    @property
    def subject(self) -> str:
        """The subject of its user."""
        return self.claims.subject


@dataclass(frozen=True, slots=True)
class LiveRefreshToken:
    """A refresh token of a live grant."""

    grant: Grant
    is_current: bool
    """False for a replaced token: it can revoke its grant, and nothing else."""

    @property
    def grant_id(self) -> str:
        """The id of its grant."""
        return self.grant.grant_id

    @property
    def client_id(self) -> str:
        """The client that it was issued to."""
        return self.grant.client_id

    @property
    def subject(self) -> str:
        """The subject of its user."""
        return self.grant.subject


class TokenIntrospector:
    """Recognises live tokens of this server; returns None for any other. Raises only ServiceUnavailable."""

    def __init__(
        self,
        *,
        verifier: TokenVerifier,
        grants: GrantRepository,
        refresh_tokens: RefreshTokenFormat,
        clock: Callable[[], float],
    ) -> None:
        self._verifier = verifier
        self._grants = grants
        self._refresh_tokens = refresh_tokens
        self._clock = clock

    async def inspect(self, unverified_token: str) -> LiveAccessToken | LiveRefreshToken | None:
        """The live token of either kind, or None; the caller need not know the kind (RFC 7009 section 2.1)."""
        if len(unverified_token) > MAX_BYTES:
            return None
        return await self._refresh_token(unverified_token) or await self._access_token(unverified_token)

    async def record_use(self, live: LiveAccessToken) -> None:
        """Record that an access token was used, as its grant's last use. Raises nothing."""
        await self._grants.record_use(live.grant, now=self._clock())

    async def _refresh_token(self, unverified_token: str) -> LiveRefreshToken | None:
        try:
            presented = self._refresh_tokens.read(unverified_token)
        except NotARefreshToken:
            return None
        grant = await self._grants.find(presented.grant_id)
        if grant is None or grant.status is not GrantStatus.LIVE or grant.expires_at <= self._clock():
            return None
        is_current = hmac.compare_digest(presented.secret_hash, grant.current_hash)
        return LiveRefreshToken(grant, is_current)

    async def _access_token(self, unverified_token: str) -> LiveAccessToken | None:
        try:
            claims = (await self._verifier.verify(unverified_token)).claims
        except InvalidToken:
            return None
        if claims.grant_id is None:
            return None
        grant = await self._grants.find(claims.grant_id)
        if grant is None or grant.status is not GrantStatus.LIVE:
            return None
        return LiveAccessToken(claims, grant)
