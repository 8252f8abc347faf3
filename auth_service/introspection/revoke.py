"""POST /token/revoke (RFC 7009): a client revokes a token. The response for an unknown token is 200 as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from auth_service.audit.events import AuditEvent
from auth_service.http.messages import NO_STORE, read_form

if TYPE_CHECKING:
    from auth_service.audit.log import AuditLog
    from auth_service.clients.authenticator import ClientAuthenticator
    from auth_service.grants.repository import GrantRepository
    from auth_service.introspection.introspector import TokenIntrospector


class RevokeEndpoint:
    """Either token ends its grant (RFC 7009 section 2.1), and with it every token that was issued under it.

    A replaced refresh token does so too: the client may not have received its successor.
    """

    def __init__(
        self,
        *,
        authenticator: ClientAuthenticator,
        introspector: TokenIntrospector,
        grants: GrantRepository,
        audit: AuditLog,
    ) -> None:
        self._authenticator = authenticator
        self._introspector = introspector
        self._grants = grants
        self._audit = audit

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Raises InvalidClient, InvalidRequest, ServiceUnavailable. Another client's token is ignored."""
        parameters = await read_form(request)
        client = await self._authenticator.authenticate(
            authorization=request.headers.get("Authorization"), form=parameters
        )
        live = await self._introspector.inspect(parameters.require("token"))
        if (
            live is not None
            and live.client_id == client.client_id
            and await self._grants.end(live.grant_id, reason="revoked_by_client")
        ):
            self._audit.record(
                AuditEvent.GRANT_REVOKED,
                client=client.client_id,
                user=live.subject,
                grant=live.grant_id,
                reason="revoked_by_client",
            )
        return web.Response(status=200, headers=NO_STORE)
