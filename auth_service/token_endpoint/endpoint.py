"""POST /token: authenticates the client, then the handler of the grant type validates, consumes and issues."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from auth_service.http.request_body import read_form
from auth_service.http.responses import secret_json
from auth_service.protocol.errors import UnauthorizedClient, UnsupportedGrantType
from auth_service.token_endpoint.grant_handler import GrantHandler, TokenRequest
from shared.http.client_address import CLIENT_ADDRESS
from shared.http.request_middleware import LOG_FIELDS

if TYPE_CHECKING:
    from aiohttp import web
    from prometheus_client import Counter

    from auth_service.clients.authenticator import ClientAuthenticator
    from auth_service.clients.client import Client
    from auth_service.rate_limits.limits import RateLimits


class RegistrationUse(Protocol):
    """Extends the life of a registration that is in use (interop.md A18)."""

    async def record_use(self, client: Client) -> None:
        """Record the use. Never fails a request."""


class TokenEndpoint:
    """The steps that no grant type can skip: parameters, client, grant type, permission."""

    def __init__(
        self,
        *,
        authenticator: ClientAuthenticator,
        registrations: RegistrationUse,
        handlers: Sequence[GrantHandler],
        limits: RateLimits,
        issued: Counter,
        clock: Callable[[], float],
    ) -> None:
        """`issued` counts by grant type."""
        self._authenticator = authenticator
        self._registrations = registrations
        self._handlers = {handler.grant_type: handler for handler in handlers}
        self._issued = {handler.grant_type: issued.labels(handler.grant_type) for handler in handlers}
        self._limits = limits
        self._clock = clock

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """The response of RFC 6749 section 5.1. Raises the OAuth errors of section 5.2, and ServiceUnavailable."""
        parameters = await read_form(request)
        authorization = request.headers.get("Authorization")
        client = await self._authenticator.authenticate(authorization=authorization, form=parameters)
        address = request[CLIENT_ADDRESS]
        self._limits.check_client(client.client_id, address)
        grant_type = parameters.require("grant_type")
        handler = self._handlers.get(grant_type)
        if handler is None:
            raise UnsupportedGrantType(f"grant_type {grant_type!r:.80}", error_id="grant_type_known")
        if grant_type not in client.grant_types:
            raise UnauthorizedClient(f"{client.client_id} may not use {grant_type}", error_id="client_grant_type")
        fields = request[LOG_FIELDS]
        fields["client_id"] = client.client_id
        fields["grant_type"] = grant_type
        issued = await handler.exchange(TokenRequest(parameters, client, self._clock(), address))
        fields["grant_id"] = issued.grant_id
        await self._registrations.record_use(client)
        self._issued[grant_type].inc()
        return secret_json(issued.as_json())
