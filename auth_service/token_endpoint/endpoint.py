"""POST /token, and the contract of a grant type.

The endpoint authenticates the client; the handler of the grant type then validates, consumes and issues.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from auth_service.http.messages import read_form, secret_json
from auth_service.protocol.errors import TooManyRequests, UnauthorizedClient, UnsupportedGrantType
from auth_service.rate_limits.limits import PASSED_LIMIT
from shared.http.client_address import CLIENT_ADDRESS
from shared.http.request_middleware import LOG_FIELDS

if TYPE_CHECKING:
    from aiohttp import web
    from prometheus_client import Counter

    from auth_service.clients.authenticator import ClientAuthenticator
    from auth_service.clients.client import Client
    from auth_service.grants.grant import Grant
    from auth_service.grants.refresh_token_format import RefreshTokenFormat
    from auth_service.protocol.parameters import Parameters
    from auth_service.rate_limits.limits import RateLimits
    from auth_service.token_endpoint.rate_limit_exemption import RateLimitExemption
    from auth_service.tokens.issuer import AccessTokenIssuer, IdTokenIssuer


class TokenRequest(NamedTuple):
    """A token request with an authenticated client. `now` is in seconds since 1970; `address` is the client's."""

    parameters: Parameters
    client: Client
    now: float
    address: str


class IssuedTokens(NamedTuple):
    """A token response (RFC 6749 section 5.1). `expires_in` is in seconds and always present (interop.md A10)."""

    access_token: str
    expires_in: int
    scopes: tuple[str, ...]
    subject: str
    grant_id: str
    refresh_token: str | None = None
    id_token: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The body of the response."""
        body: dict[str, Any] = {
            "access_token": self.access_token,
            "token_type": "Bearer",
            "expires_in": self.expires_in,
            "scope": " ".join(self.scopes),
        }
        if self.refresh_token is not None:
            body["refresh_token"] = self.refresh_token
        if self.id_token is not None:
            body["id_token"] = self.id_token
        return body


class GrantHandler(Protocol):
    """A grant type. The endpoint has authenticated the client and checked that it may use the grant type."""

    grant_type: str

    async def exchange(self, request: TokenRequest) -> IssuedTokens:
        """Validate everything, then consume once and issue (invariant 3).

        Raises OAuthError, TooManyRequests or ServiceUnavailable.
        """


class RegistrationUse(Protocol):
    """Extends the lifetime of a client registration that is in use (interop.md A18)."""

    async def record_use(self, client: Client) -> None:
        """Record the use. Raises nothing: a failure must not fail the request."""


class ClientLimit:
    """The rate limit of a client at one network, with the exemption of first refreshes (rate_limit_exemption.py)."""

    def __init__(self, limits: RateLimits, exemption: RateLimitExemption) -> None:
        self._limits = limits
        self._exemption = exemption

    def check(self, client_id: str, request: web.Request, form: Parameters) -> None:
        """Count one request. Raises TooManyRequests."""
        try:
            self._limits.check_client(client_id, request[CLIENT_ADDRESS])
        except TooManyRequests:
            if PASSED_LIMIT not in request and not self._exemption.admits_form(form):
                raise


class TokenEndpoint:
    """Runs the steps that every grant type shares: parameters, client, rate limit, grant type, permission."""

    def __init__(
        self,
        *,
        authenticator: ClientAuthenticator,
        registrations: RegistrationUse,
        handlers: Sequence[GrantHandler],
        limits: ClientLimit,
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
        self._limits.check(client.client_id, request, parameters)
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


class TokenSetIssuer:
    """Issues the tokens of one response under a grant."""

    def __init__(
        self, *, access_tokens: AccessTokenIssuer, id_tokens: IdTokenIssuer, refresh_tokens: RefreshTokenFormat
    ) -> None:
        self._access_tokens = access_tokens
        self._id_tokens = id_tokens
        self.refresh_tokens = refresh_tokens

    def ready(self) -> None:
        """Raise ServiceUnavailable if no key can sign: called before a token is consumed (invariants 3 and 8)."""
        self._access_tokens.ready()

    async def issue(
        self,
        *,
        grant_id: str,
        entry: int,
        subject: str,
        client_id: str,
        resource: str,
        scopes: Sequence[str],
        refresh_token: str | None,
        user_claims: Mapping[str, Any],
        now: float,
    ) -> IssuedTokens:
        """Issue an access token; `refresh_token` is formatted already. Raises ServiceUnavailable."""
        access = await self._access_tokens.issue(
            subject=subject,
            client_id=client_id,
            resource=resource,
            scopes=scopes,
            grant_id=grant_id,
            entry=entry,
            user_claims=user_claims,
            now=now,
        )
        return IssuedTokens(
            access_token=access.value,
            expires_in=access.expires_in,
            scopes=tuple(scopes),
            subject=subject,
            grant_id=grant_id,
            refresh_token=refresh_token,
        )

    def id_token(self, grant: Grant, *, access_token: str, now: float) -> str | None:
        """The ID token of a grant with the scope `openid`, else None. Raises ServiceUnavailable."""
        if "openid" not in grant.scopes:
            return None
        return self._id_tokens.issue(
            subject=grant.subject,
            client_id=grant.client_id,
            nonce=grant.nonce,
            authenticated_at=grant.authenticated_at,
            access_token=access_token,
            now=now,
        )
