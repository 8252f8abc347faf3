"""Signs the assertion that tells Sallyport which user has signed in. For the user of the backend's session only."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from joserfc import jwt

if TYPE_CHECKING:
    from joserfc.jwk import ECKey


def sign_assertion(user_id: str, nonce: str, *, key: ECKey, issuer: str, audience: str, **claims: Any) -> str:
    """`nonce` is from the query of the page, `issuer` from AUTH_IDENTITY_PROVIDERS, `audience` is AUTH_ISSUER."""
    header = {"alg": "ES256", "typ": "sallyport-sign-in+jwt", "kid": key.kid}
    stated = {"iss": issuer, "aud": audience, "sub": user_id, "nonce": nonce, "iat": int(time.time())}
    return jwt.encode(header, {**claims, **stated}, key)
