"""GET and POST /userinfo (OpenID Connect Core section 5.3): the claims that the token's scopes allow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auth_service.http.messages import is_form, read_form, secret_json
from auth_service.introspection.introspector import LiveAccessToken, TokenIntrospector
from auth_service.protocol.errors import OAuthError

if TYPE_CHECKING:
    from aiohttp import web

    from auth_service.users.service import UserService


class BearerError(OAuthError):
    """An error of RFC 6750 section 3.1, sent with a challenge."""

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
    """Returns the claims about the user of an access token."""

    def __init__(self, *, introspector: TokenIntrospector, users: UserService) -> None:
        self._introspector = introspector
        self._users = users

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Raises BearerError (400, 401, 403), InvalidRequest and ServiceUnavailable."""
        live = await self._introspector.inspect(await _presented_token(request))
        if not isinstance(live, LiveAccessToken) or not live.is_current:
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
        claims = await self._claims(live)
        await self._introspector.record_use(live)
        return secret_json(claims)

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


async def _presented_token(request: web.Request) -> str:
    """The token in the header, or in the form of a POST (RFC 6750 sections 2.1 and 2.2). Raises BearerError.

    A token in the query does not count: URLs are logged (RFC 9700 section 4.3.2).
    """
    scheme, _, in_header = request.headers.get("Authorization", "").partition(" ")
    tokens = [in_header.strip()] if scheme.lower() == "bearer" and in_header else []
    if request.method == "POST" and is_form(request):
        in_form = (await read_form(request)).get("access_token")
        tokens += [] if in_form is None else [in_form]
    if not tokens:
        raise BearerError(
            "no bearer token", error_id="bearer_present", status=401, code="", public="An access token is needed."
        )
    if len(tokens) > 1:
        raise BearerError(
            "a token in the header and one in the form",
            error_id="bearer_once",
            status=400,
            code="invalid_request",
            public="The access token is sent in one way only.",
        )
    return tokens[0]
