"""Minting of access tokens: RFC 9068 JWTs that any resource server can verify by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auth_service.protocol.opaque import new_identifier
from auth_service.resources.catalogue import OFFLINE_ACCESS
from shared import access_token as profile
from shared.scopes import format_scope

if TYPE_CHECKING:
    from auth_service.keys.signer import Signer


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A signed token and its life in seconds."""

    value: str
    expires_in: int
    token_id: str


class AccessTokenIssuer:
    """Writes the claims of RFC 9068 section 2.2 and has them signed with the active key."""

    def __init__(self, *, issuer: str, lifetime_seconds: int, signer: Signer) -> None:
        self._issuer = issuer
        self._lifetime = lifetime_seconds
        self._signer = signer

    def ready(self) -> None:
        """Raise ServiceUnavailable when nothing can be signed: called before consuming (invariants 3 and 8)."""
        self._signer.ready()

    def issue(
        self, *, subject: str, client_id: str, resource: str, scopes: Sequence[str], grant_id: str, now: float
    ) -> IssuedToken:
        """A token for one resource. `now` in seconds. Raises ServiceUnavailable if no key is active."""
        issued_at = int(now)
        token_id = new_identifier()
        claims = {
            "iss": self._issuer,
            "sub": subject,
            "aud": resource,
            "client_id": client_id,
            "scope": format_scope(s for s in scopes if s != OFFLINE_ACCESS),
            "iat": issued_at,
            "exp": issued_at + self._lifetime,
            "jti": token_id,
            "gid": grant_id,
        }
        return IssuedToken(self._signer.sign(claims, typ=profile.TYPE), self._lifetime, token_id)
