"""What every grant takes and gives: parsed once, answered once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from shared.scopes import format_scope

if TYPE_CHECKING:
    from auth_service.clients.client import Client
    from auth_service.protocol.parameters import Parameters


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A token request whose client is authenticated. `now` in seconds; `address` of the caller, for the record."""

    form: Parameters
    client: Client
    now: float
    address: str


@dataclass(frozen=True, slots=True)
class IssuedTokens:
    """What was issued (RFC 6749 section 5.1). `expires_in` in seconds, always given (interop.md A10)."""

    access_token: str
    expires_in: int
    scopes: tuple[str, ...]
    subject: str
    grant_id: str
    refresh_token: str | None = None
    id_token: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The body of the answer."""
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
        """Validate everything, consume once, then mint (invariant 3). Raises RequestRejected or ServiceUnavailable."""
