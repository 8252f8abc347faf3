"""POST /token: authenticate the client, then let the grant validate, consume and mint."""

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
    """Slides the life of a registration that is in use (interop.md A18)."""

    async def record_use(self, client: Client) -> None:
        """Note the use. Never fails a request."""


class TokenEndpoint:
    """The pipeline that no grant can forget: form, client, grant type, permission, exchange."""

    def __init__(
        self,
        *,
        authenticator: ClientAuthenticator,
        registrations: RegistrationUse,
        grants: Sequence[GrantHandler],
        limits: RateLimits,
        issued: Counter,
        now: Callable[[], float],
    ) -> None:
        self._authenticator = authenticator
        self._registrations = registrations
        self._grants = {grant.grant_type: grant for grant in grants}
        self._issued = {grant.grant_type: issued.labels(grant.grant_type) for grant in grants}
        self._limits = limits
        self._now = now

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Answer RFC 6749 section 5.1. Raises the Refusals of section 5.2, and Faults."""
        form = await read_form(request)
        client = await self._authenticator.authenticate(authorization=request.headers.get("Authorization"), form=form)
        address = request[CLIENT_ADDRESS]
        self._limits.client(client.client_id, address)
        grant_type = form.require("grant_type")
        grant = self._grants.get(grant_type)
        if grant is None:
            raise UnsupportedGrantType(f"grant_type {grant_type!r:.80}", error_id="grant_type_known")
        if grant_type not in client.grant_types:
            raise UnauthorizedClient(f"{client.client_id} may not use {grant_type}", error_id="client_grant_type")
        fields = request[LOG_FIELDS]
        fields["client_id"] = client.client_id
        fields["grant_type"] = grant_type
        issued = await grant.exchange(TokenRequest(form, client, self._now(), address))
        fields["grant_id"] = issued.grant_id
        await self._registrations.record_use(client)
        self._issued[grant_type].inc()
        return secret_json(issued.as_json())
