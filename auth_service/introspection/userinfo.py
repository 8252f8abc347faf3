"""GET and POST /userinfo (OpenID Connect Core section 5.3): the claims that the token's scopes allow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auth_service.http.responses import secret_json
from auth_service.introspection.introspector import LiveAccessToken, TokenIntrospector
from shared.errors import RequestRejected

if TYPE_CHECKING:
    from aiohttp import web

    from auth_service.users.service import UserService


class BearerError(RequestRejected):
    """RFC 6750 section 3.1, with the challenge that goes with it."""

    def __init__(self, reason: str, *, error_id: str, status: int, code: str, public: str) -> None:
        challenge = f'Bearer error="{code}"' if code else "Bearer"
        super().__init__(
            reason,
            error_id=error_id,
            status=status,
            code=code or "invalid_token",
            public=public,
            headers={"WWW-Authenticate": challenge},
        )


class UserInfoEndpoint:
    """Serves the claims of the token's subject."""

    def __init__(self, *, introspector: TokenIntrospector, users: UserService) -> None:
        self._inspector = introspector
        self._users = users

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Raises BearerError (401, 403) and ServiceUnavailable."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise BearerError(
                "no bearer token", error_id="bearer_present", status=401, code="", public="An access token is needed."
            )
        live = await self._inspector.inspect(token.strip())
        if not isinstance(live, LiveAccessToken):
            raise BearerError(
                "not a live access token",
                error_id="bearer_live",
                status=401,
                code="invalid_token",
                public="The access token is not valid.",
            )
        if "openid" not in live.claims.scopes:
            raise BearerError(
                "the token lacks openid",
                error_id="openid_scope",
                status=403,
                code="insufficient_scope",
                public="The access token does not have the scope openid.",
            )
        return secret_json(await self._claims(live))

    async def _claims(self, live: LiveAccessToken) -> dict[str, Any]:
        claims: dict[str, Any] = {"sub": live.claims.subject}
        user = await self._users.find(live.claims.subject)
        if user is None:
            raise BearerError(
                "the user was removed",
                error_id="bearer_subject",
                status=401,
                code="invalid_token",
                public="The access token is not valid.",
            )
        if "profile" in live.claims.scopes:
            claims["preferred_username"] = user.username
            if user.name:
                claims["name"] = user.name
        if "email" in live.claims.scopes and user.email:
            claims["email"] = user.email
            claims["email_verified"] = user.email_verified
        return claims
