"""POST /token/introspect (RFC 7662): an authenticated caller learns whether a token is active.

The response for a token that is not active, or that does not concern the caller, is only `{"active": false}`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auth_service.clients.authenticator import read_credential
from auth_service.http.messages import read_form, secret_json
from auth_service.introspection.introspector import LiveAccessToken, LiveRefreshToken, TokenIntrospector
from auth_service.protocol.errors import InvalidClient
from shared.scopes import format_scope

if TYPE_CHECKING:
    from aiohttp import web

    from auth_service.clients.authenticator import ClientAuthenticator
    from auth_service.clients.client import Client


class IntrospectEndpoint:
    """Answers about access tokens and refresh tokens."""

    def __init__(self, *, issuer: str, authenticator: ClientAuthenticator, introspector: TokenIntrospector) -> None:
        self._issuer = issuer
        self._authenticator = authenticator
        self._introspector = introspector

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Raises InvalidRequest, ServiceUnavailable; InvalidClient also without a credential (RFC 7662 section 2.1)."""
        parameters = await read_form(request)
        authorization = request.headers.get("Authorization")
        caller = await self._authenticator.authenticate(authorization=authorization, form=parameters)
        if read_credential(authorization=authorization, form=parameters).method == "none":
            # Any caller can name a public client, and could then test stolen tokens. The method of this request
            # counts: a confidential client may be allowed to omit its credential.
            raise InvalidClient("a caller without a credential cannot introspect", error_id="introspection_caller")
        live = await self._introspector.inspect(parameters.require("token"))
        body = {"active": False} if live is None else self._describe(live, caller)
        if body["active"] and isinstance(live, LiveAccessToken):
            await self._introspector.record_use(live)
        return secret_json(body)

    def _describe(self, live: LiveAccessToken | LiveRefreshToken, caller: Client) -> dict[str, Any]:
        if isinstance(live, LiveRefreshToken):
            grant = live.grant
            if grant.client_id != caller.client_id or not live.is_current:
                return {"active": False}
            return {
                "active": True,
                "iss": self._issuer,
                "client_id": grant.client_id,
                "sub": grant.subject,
                "aud": grant.resource,
                "scope": format_scope(grant.scopes),
                "exp": int(grant.expires_at),
            }
        claims = live.claims
        if not live.is_current:
            return {"active": False}
        if claims.client_id != caller.client_id and caller.introspects.isdisjoint(claims.audience):
            return {"active": False}
        return {
            "active": True,
            "token_type": "Bearer",
            "iss": claims.issuer,
            "sub": claims.subject,
            "aud": claims.audience[0] if len(claims.audience) == 1 else list(claims.audience),
            "client_id": claims.client_id,
            "scope": format_scope(claims.scopes),
            "iat": claims.issued_at,
            "exp": claims.expires_at,
            "jti": claims.token_id,
        }
