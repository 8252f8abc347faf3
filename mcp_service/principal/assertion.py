"""The principal as a signed assertion, for a server that others can reach too (invariant 14).

An assertion is for one server and one request: it names the server as its audience, and holds the method, the path and
a digest of the body. It expires within a minute, and its `jti` lets the reader refuse a second use. Two equal requests
get different assertions. docs/who-calls.md has the format and what a reader checks.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final, Protocol

from mcp_service.principal.identity_headers import PrincipalTooLong, effective_scopes
from shared.jose import base64url
from shared.scopes import format_scope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from shared.access_tokens.verifier import VerifiedToken
    from shared.scopes import ScopeHierarchy

HEADER: Final = "Sallyport-Assertion"
TYPE: Final = "sallyport-assertion+jwt"
"""The `typ`: an assertion cannot be taken for an access token, nor the reverse (RFC 8725 section 3.11)."""
LIFETIME_SECONDS: Final = 60
MAX_CHARACTERS: Final = 8000
"""aiohttp and others refuse a header field of more than 8,190 bytes."""

_JTI_BYTES: Final = 16


class AssertionSigner(Protocol):
    """Signs with the guard's own key."""

    def sign(self, claims: Mapping[str, Any], *, typ: str) -> str:
        """A compact JWS. Raises ServiceUnavailable."""


class PrincipalAssertions:
    """A PrincipalHandover: one signature for each request."""

    def __init__(
        self,
        *,
        signer: AssertionSigner,
        resource: str,
        audience: str,
        scopes: ScopeHierarchy,
        claims: Sequence[str],
        clock: Callable[[], float],
    ) -> None:
        """`claims` are the names of the claims about the user that are told; `clock` is seconds since 1970."""
        self._signer = signer
        self._resource = resource
        self._audience = audience
        self._hierarchy = scopes
        self._claims = tuple(claims)
        self._clock = clock

    def headers(self, token: VerifiedToken | None, *, method: str, path: str, body: bytes) -> Mapping[str, str]:
        """The header, empty for a public operation. Raises PrincipalTooLong, or ServiceUnavailable."""
        if token is None:
            return {HEADER: ""}
        told = token.claims
        now = int(self._clock())
        assertion = self._signer.sign(
            {
                "iss": self._resource,
                "aud": self._audience,
                "sub": told.subject,
                "token_issuer": told.issuer,
                "client_id": told.client_id,
                "scope": format_scope(effective_scopes(told.scopes, self._hierarchy)),
                "claims": {name: told.user[name] for name in self._claims if name in told.user},
                "iat": now,
                "exp": now + LIFETIME_SECONDS,
                "jti": base64url.random_text(_JTI_BYTES),
                "htm": method,
                "path": path,
                "body_sha256": base64url.encode(hashlib.sha256(body).digest()),
            },
            typ=TYPE,
        )
        if len(assertion) > MAX_CHARACTERS:
            raise PrincipalTooLong(f"the assertion has {len(assertion)} characters", error_id="principal_size")
        return {HEADER: assertion}
