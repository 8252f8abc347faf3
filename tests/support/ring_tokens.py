"""Access tokens that a key ring signs, and their verification as the service does it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from shared.access_tokens.profile import AccessTokenPolicy
from shared.access_tokens.verifier import TokenVerifier

if TYPE_CHECKING:
    from auth_service.keys.key_ring import KeyRing
    from shared.access_tokens.verifier import VerifiedToken

ISSUER = "https://auth.example"
RESOURCE = "https://mcp.example/mcp"


def access_claims(**more: Any) -> dict[str, Any]:
    """The claims of a good token of ann's."""
    now = int(time.time())
    names = {"iss": ISSUER, "sub": "ann", "aud": RESOURCE, "client_id": "client-1", "jti": "token-1"}
    return {**names, "iat": now, "exp": now + 600, **more}


def sign(key_ring: KeyRing) -> str:
    """A good access token of ann's."""
    return key_ring.sign(access_claims(), typ="at+jwt")


async def verify(key_ring: KeyRing, token: str) -> VerifiedToken:
    """The token's VerifiedToken, under a verifier that remembers nothing. Raises InvalidToken, ServiceUnavailable."""
    policy = AccessTokenPolicy(issuer=ISSUER, audiences=frozenset({RESOURCE}))
    return await TokenVerifier(keys=key_ring, policy=policy).verify(token)
