"""The contract of a grant type: the authenticated request, the issued tokens, and how they are issued."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from shared.scopes import format_scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auth_service.clients.client import Client
    from auth_service.grants.grant import Grant
    from auth_service.grants.refresh_token_format import RefreshTokenFormat
    from auth_service.protocol.parameters import Parameters
    from auth_service.tokens.issuer import AccessTokenIssuer, IdTokenIssuer


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A token request whose client is authenticated. `now` is in seconds since 1970; `address` is the caller's."""

    parameters: Parameters
    client: Client
    now: float
    address: str


@dataclass(frozen=True, slots=True)
class IssuedTokens:
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
            "scope": format_scope(self.scopes),
        }
        if self.refresh_token is not None:
            body["refresh_token"] = self.refresh_token
        if self.id_token is not None:
            body["id_token"] = self.id_token
        return body


class GrantHandler(Protocol):
    """A grant type. The endpoint has authenticated the client and checked that it may use the grant."""

    grant_type: str

    async def exchange(self, request: TokenRequest) -> IssuedTokens:
        """Validate everything, then consume once and issue (invariant 3).

        Raises RequestRejected or ServiceUnavailable.
        """


class TokenSetIssuer:
    """Issues the tokens of one response under a grant."""

    def __init__(
        self, *, access_tokens: AccessTokenIssuer, id_tokens: IdTokenIssuer, refresh_tokens: RefreshTokenFormat
    ) -> None:
        self._access_tokens = access_tokens
        self._id_tokens = id_tokens
        self.refresh_tokens = refresh_tokens

    def ready(self) -> None:
        """Raise ServiceUnavailable if nothing can be signed: called before consuming (invariants 3 and 8)."""
        self._access_tokens.ready()

    def issue(
        self,
        *,
        grant_id: str,
        subject: str,
        client_id: str,
        resource: str,
        scopes: Sequence[str],
        refresh_token: str | None,
        now: float,
    ) -> IssuedTokens:
        """An access token, beside a refresh token that is written already. Raises ServiceUnavailable."""
        access = self._access_tokens.issue(
            subject=subject, client_id=client_id, resource=resource, scopes=scopes, grant_id=grant_id, now=now
        )
        return IssuedTokens(
            access_token=access.value,
            expires_in=access.expires_in,
            scopes=tuple(scopes),
            subject=subject,
            grant_id=grant_id,
            refresh_token=refresh_token,
        )

    def id_token(self, grant: Grant, *, now: float) -> str | None:
        """The ID token of a grant with the scope `openid`, else None. Raises ServiceUnavailable."""
        if "openid" not in grant.scopes:
            return None
        return self._id_tokens.issue(
            subject=grant.subject,
            client_id=grant.client_id,
            nonce=grant.nonce,
            authenticated_at=grant.authenticated_at,
            now=now,
        )
