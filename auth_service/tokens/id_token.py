"""Minting of ID tokens (OpenID Connect Core section 2): for clients that ask for `openid`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from auth_service.keys.signer import Signer

LIFETIME_SECONDS: Final = 600


class IdTokenIssuer:
    """Writes who signed in, for the client alone: the audience is the client."""

    def __init__(self, *, issuer: str, signer: Signer) -> None:
        self._issuer = issuer
        self._signer = signer

    def issue(self, *, subject: str, client_id: str, nonce: str | None, authenticated_at: int, now: float) -> str:
        """A signed ID token; times in seconds. Raises ServiceUnavailable if no key is active."""
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "sub": subject,
            "aud": client_id,
            "iat": int(now),
            "exp": int(now) + LIFETIME_SECONDS,
            "auth_time": authenticated_at,
        }
        if nonce is not None:
            claims["nonce"] = nonce
        return self._signer.sign(claims, typ="JWT")
