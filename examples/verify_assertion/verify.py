"""Verifies the header Sallyport-Assertion in Python. Needs `pyjwt[crypto]`; fetches the keys in the calling thread."""

from __future__ import annotations

import hashlib
import time
from base64 import urlsafe_b64encode
from typing import Any

import jwt

LEEWAY = 5
REQUIRED = ["exp", "iat", "jti", "sub", "htm", "path", "body_sha256"]


class AssertionVerifier:
    """One per process. Several processes share the used `jti`: in Redis, `SET jti 1 NX EX 65`."""

    def __init__(self, resource: str, audience: str) -> None:
        """`resource` is MCP_RESOURCE of Sallyport, `audience` its MCP_UPSTREAM or MCP_UPSTREAM_AUDIENCE."""
        self._resource, self._audience = resource, audience
        self._keys = jwt.PyJWKClient(f"{resource}/jwks.json", lifespan=300)
        self._used: dict[str, float] = {}

    def verify(self, assertion: str, method: str, path: str, body: bytes) -> dict[str, Any]:
        """The claims. `path` is as it arrived, with its query. Raises jwt.PyJWTError: answer 401."""
        key = self._keys.get_signing_key_from_jwt(assertion)
        read = jwt.decode_complete(
            assertion,
            key,
            algorithms=["ES256"],
            issuer=self._resource,
            audience=self._audience,
            leeway=LEEWAY,
            options={"require": REQUIRED},
        )
        claims: dict[str, Any] = read["payload"]
        digest = urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()
        if read["header"].get("typ") != "sallyport-assertion+jwt":
            raise jwt.InvalidTokenError("not an assertion")
        if (claims["htm"], claims["path"], claims["body_sha256"]) != (method, path, digest):
            raise jwt.InvalidTokenError("made for another request")
        self._use(claims["jti"], claims["exp"] + LEEWAY)
        return claims

    def _use(self, jti: str, until: float) -> None:
        now = time.time()
        while self._used and next(iter(self._used.values())) < now:
            del self._used[next(iter(self._used))]
        if jti in self._used:
            raise jwt.InvalidTokenError("used before")
        self._used[jti] = until
