"""POST /token/revoke (RFC 7009): a client revokes a token. The response for an unknown token is 200 as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from auth_service.audit.events import AuditEvent
from auth_service.http.messages import NO_STORE, read_form
from auth_service.introspection.introspector import LiveAccessToken, TokenIntrospector

if TYPE_CHECKING:
    from auth_service.audit.log import AuditLog
    from auth_service.clients.authenticator import ClientAuthenticator
    from auth_service.grants.repository import GrantRepository
    from auth_service.introspection.revoked_tokens import RevokedTokenRepository


class RevokeEndpoint:
    """A refresh token ends its whole grant; an access token is recorded as revoked until it expires.

    A replaced refresh token ends the grant as well: the client may not have received its successor.
    """

    def __init__(
        self,
        *,
        authenticator: ClientAuthenticator,
        introspector: TokenIntrospector,
        grants: GrantRepository,
        revoked: RevokedTokenRepository,
        audit: AuditLog,
    ) -> None:
        self._authenticator = authenticator
        self._introspector = introspector
        self._grants = grants
        self._revoked = revoked
        self._audit = audit

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Raises InvalidClient, InvalidRequest, ServiceUnavailable. Another client's token is ignored."""
        parameters = await read_form(request)
        client = await self._authenticator.authenticate(
            authorization=request.headers.get("Authorization"), form=parameters
        )
        live = await self._introspector.inspect(parameters.require("token"))
        if isinstance(live, LiveAccessToken):
            if live.claims.client_id == client.client_id:
                await self._revoked.add(live.claims.token_id, expires_at=live.claims.expires_at)
                self._audit.record(
                    AuditEvent.TOKEN_REVOKED,
                    client=client.client_id,
                    user=live.claims.subject,
                )
        elif (
            live is not None
            and live.grant.client_id == client.client_id
            and await self._grants.end(live.grant.grant_id, reason="revoked_by_client")
        ):
            self._audit.record(
                AuditEvent.GRANT_REVOKED,
                client=client.client_id,
                user=live.grant.subject,
                grant=live.grant.grant_id,
                reason="revoked_by_client",
            )
        return web.Response(status=200, headers=NO_STORE)
