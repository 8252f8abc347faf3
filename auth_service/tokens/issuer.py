"""Issuing of access tokens (RFC 9068) and ID tokens (OpenID Connect Core section 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from auth_service.protocol.opaque import new_identifier, split_identifier
from auth_service.resources.catalogue import OFFLINE_ACCESS
from auth_service.status_lists.identifiers import list_uri
from shared.access_tokens import profile
from shared.jose import base64url
from shared.jose.algorithms import HASHES

if TYPE_CHECKING:
    from auth_service.keys.signer import AsyncSigner, Signer

ID_TOKEN_LIFETIME_SECONDS: Final = 600
ID_TOKEN_TYPE: Final = "JWT"


class IssuedToken(NamedTuple):
    """A signed access token. `expires_in` in seconds; `token_id` is its `jti`."""

    value: str
    expires_in: int
    token_id: str


class AccessTokenIssuer:
    """Issues access tokens with the claims of RFC 9068 section 2.2, signed with the active key."""

    def __init__(self, *, issuer: str, lifetime_seconds: int, signer: AsyncSigner) -> None:
        self._issuer = issuer
        self._lists = list_uri(issuer, "")
        self._lifetime = lifetime_seconds
        self._signer = signer

    def ready(self) -> None:
        """Raise ServiceUnavailable if no key can sign: called before anything is consumed (invariants 3 and 8)."""
        self._signer.ready()

    async def issue(
        self,
        *,
        subject: str,
        client_id: str,
        resource: str,
        scopes: Sequence[str],
        grant_id: str,
        entry: int,
        user_claims: Mapping[str, Any],
        now: float,
    ) -> IssuedToken:
        """A token for one resource. `now` in seconds since 1970. Raises ServiceUnavailable if no key can sign.

        `entry` is the grant's index in its status list. `user_claims` replace no claim of the profile.
        """
        issued_at = int(now)
        token_id = new_identifier()
        claims = {
            **user_claims,
            "iss": self._issuer,
            "sub": subject,
            "aud": resource,
            "client_id": client_id,
            "scope": " ".join(s for s in scopes if s != OFFLINE_ACCESS),
            "iat": issued_at,
            "exp": issued_at + self._lifetime,
            "jti": token_id,
            "gid": grant_id,
            "status": {"status_list": {"idx": entry, "uri": self._lists + split_identifier(grant_id)[0]}},
        }
        return IssuedToken(await self._signer.sign(claims, typ=profile.TYPE), self._lifetime, token_id)


class IdTokenIssuer:
    """Issues ID tokens to clients that request the scope `openid`. The audience is the client."""

    def __init__(self, *, issuer: str, signer: Signer) -> None:
        self._issuer = issuer
        self._signer = signer

    def issue(
        self,
        *,
        subject: str,
        client_id: str,
        nonce: str | None,
        authenticated_at: int,
        access_token: str,
        now: float,
    ) -> str:
        """A signed ID token. Times in seconds since 1970. Raises ServiceUnavailable if no key can sign.

        There is no `azp`: the only audience is the client (OpenID Connect Core section 2).
        """
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "sub": subject,
            "aud": client_id,
            "iat": int(now),
            "exp": int(now) + ID_TOKEN_LIFETIME_SECONDS,
            "auth_time": authenticated_at,
            "at_hash": _left_half(access_token, algorithm=self._signer.algorithm),
        }
        if nonce is not None:
            claims["nonce"] = nonce
        return self._signer.sign(claims, typ=ID_TOKEN_TYPE)


def _left_half(token: str, *, algorithm: str) -> str:
    """The left half of the hash of a token, for `at_hash` of an ID token (OpenID Connect Core section 3.1.3.6)."""
    digest = HASHES[algorithm](token.encode()).digest()
    return base64url.encode(digest[: len(digest) // 2])
