"""Verifies access tokens offline (invariant 2).

Owns: the order of the checks, and the cache of tokens that passed them. Free of any web framework.
Does not own: the form of a JWS (shared/jose), the rules for header and claims (profile.py), nor the source of the keys.

joserfc leaves some of this open (it does not check `typ`, takes a token without `kid` if there is one key, and up to
1.7 took `exp: NaN` for a time without end): only its signature primitive is used, and a test pins its behaviour.
"""

from __future__ import annotations

import hashlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from shared.access_tokens.profile import AccessTokenPolicy, VerifiedClaims, check_claims, check_header
from shared.jose.jws import InvalidToken, UnverifiedJws, parse_compact_jws

if TYPE_CHECKING:
    from shared.access_tokens.profile import StatusReference
    from shared.jose.keys import VerificationKey

REMEMBERED_TOKENS: Final = 10_000
REMEMBERED_HEADERS: Final = 64


class VerificationKeyResolver(Protocol):
    """Finds the key that a token names."""

    def held(self, kid: str) -> VerificationKey | None:
        """The key, if it is held and trusted at this moment. No I/O; microseconds."""

    async def find(self, unverified_kid: str) -> VerificationKey:
        """The key, perhaps after one shared refresh.

        Raises InvalidToken (unknown), or ServiceUnavailable while no key set can be trusted.
        """


class TrustedKeys:
    """The keys of one JWKS, trusted until a moment. A VerificationKeyResolver derives from it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` is monotonic, in seconds."""
        self._clock = clock
        self._keys: dict[str, VerificationKey] = {}
        self._trusted_until = float("-inf")

    def held(self, kid: str) -> VerificationKey | None:
        """The key, if it is in the set and the set is trusted now."""
        return self._keys.get(kid) if self._clock() < self._trusted_until else None


class HeldStatusLists(ABC):
    """The issuer's status lists as they are held in memory (invariant 12). A cache of them derives from it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` is monotonic, in seconds."""
        self._clock = clock
        self._lists: dict[str, bytearray] = {}
        self._followed = False
        """Whether the issuer has lists; without them a reference says nothing."""
        self._trusted_until = float("inf")

    def allow(self, status: StatusReference | None) -> bool:
        """Whether the lists held now show that the token is not revoked. No I/O; less than a microsecond."""
        if status is None or not self._followed:
            return True
        bits = self._lists.get(status.uri)
        if bits is None:
            return False
        byte = status.entry >> 3
        return byte < len(bits) and not bits[byte] >> (status.entry & 7) & 1 and self._clock() < self._trusted_until

    @abstractmethod
    async def check(self, status: StatusReference, *, lifetime: float) -> None:
        """Check the reference of a token that is valid in all else, perhaps after one shared refresh.

        `lifetime` is for how many seconds the token is valid.

        Raises InvalidToken (`revoked`, or a list or an entry that does not exist), or ServiceUnavailable while that
        cannot be known.
        """


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """A token that passed every check. Only the verifier makes these."""

    claims: VerifiedClaims
    key: VerificationKey


class TokenVerifier:
    """Verifies access tokens under one policy."""

    def __init__(
        self,
        *,
        keys: VerificationKeyResolver,
        policy: AccessTokenPolicy,
        status_lists: HeldStatusLists | None = None,
        clock: Callable[[], float] = time.time,
        remembered: int = REMEMBERED_TOKENS,
    ) -> None:
        """Without `status_lists` references to them are not followed.

        `clock` gives seconds since 1970; `remembered` is the number of tokens in the cache.
        """
        self._keys = keys
        self._status_lists = status_lists
        self._policy = policy
        self._clock = clock
        self._capacity = remembered
        self._remembered: dict[bytes, VerifiedToken] = {}
        self._headers: dict[bytes, tuple[str, str]] = {}

    def remembered(self, unverified_token: str) -> VerifiedToken | None:
        """The outcome of an earlier verification, if it still holds."""
        return self._look_up(_digest(unverified_token))

    def holds(self, token: VerifiedToken) -> bool:
        """Whether the token has not expired, nor its key been withdrawn, nor it been revoked, since it was verified."""
        claims, lists = token.claims, self._status_lists
        return (
            self._clock() < claims.expires_at
            and self._keys.held(token.key.kid) is token.key
            and (lists is None or lists.allow(claims.status))
        )

    async def verify(self, unverified_token: str) -> VerifiedToken:
        """Verify. Raises InvalidToken (its text is private), or ServiceUnavailable while that cannot be decided."""
        digest = _digest(unverified_token)
        known = self._look_up(digest)
        if known is not None:
            return known
        jws = parse_compact_jws(unverified_token)
        kid, algorithm = self._check_header(jws)
        key = self._keys.held(kid) or await self._keys.find(kid)
        # The key decides the algorithm; a header that says otherwise is an attack (RFC 8725 section 3.1).
        if algorithm != key.algorithm:
            raise InvalidToken("alg", "alg is not the one that this key is for")
        if not key.verify(jws.signing_input, jws.signature):
            raise InvalidToken("signature", "the signature is not by the key that kid names")
        now = self._clock()
        claims = check_claims(jws.payload(), self._policy, now=now)
        if self._status_lists is not None and claims.status is not None:
            await self._status_lists.check(claims.status, lifetime=claims.expires_at - now)
        token = VerifiedToken(claims, key)
        self._remember(digest, token)
        return token

    def _check_header(self, jws: UnverifiedJws) -> tuple[str, str]:
        """The unverified kid and algorithm. All tokens of one key share one header: it is parsed once."""
        known = self._headers.get(jws.header_segment)
        if known is None:
            known = check_header(jws.header(), self._policy)
            if len(self._headers) >= REMEMBERED_HEADERS:
                self._headers.clear()
            self._headers[jws.header_segment] = known
        return known

    def _look_up(self, digest: bytes) -> VerifiedToken | None:
        token = self._remembered.get(digest)
        if token is None:
            return None
        if self.holds(token):
            return token
        del self._remembered[digest]
        return None

    def _remember(self, digest: bytes, token: VerifiedToken) -> None:
        while len(self._remembered) >= self._capacity:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[digest] = token


def _digest(unverified_token: str) -> bytes:
    """The token's digest, signature included: one good payload says nothing about its copy under another signature."""
    return hashlib.sha256(unverified_token.encode("utf-8", "surrogatepass")).digest()
