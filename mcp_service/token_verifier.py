"""From an unverified token to a verified one, offline (invariant 2).

Free of any web framework. Owns: the form of a compact JWS, the signature, the memory of tokens already verified.
Does not own: the rules for header and claims (shared/access_token.py), nor where keys come from (KeySource).

joserfc leaves some of this open (its claims registry accepts `exp: NaN` and `exp == now`, it looks neither at `typ`
nor insists on `kid`): only its signature primitive is used, and tests/unit pins what it does.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from mcp_service.strict_json import BadJson, parse_json_object
from shared.access_token import MAX_TOKEN_BYTES, InvalidToken, VerifiedClaims, check_claims, check_header

REMEMBERED_TOKENS: Final = 10_000


class VerifyingKey(Protocol):
    """One public key with the one algorithm it is for."""

    @property
    def kid(self) -> str: ...
    @property
    def algorithm(self) -> str: ...
    def verify(self, signing_input: bytes, signature: bytes) -> bool:
        """Whether this key made the signature."""


class KeySource(Protocol):
    """Where keys come from."""

    def held(self, kid: str) -> VerifyingKey | None:
        """The key, if it is held and trusted at this moment. No I/O; microseconds."""

    async def find(self, unverified_kid: str) -> VerifyingKey:
        """The key, perhaps after one shared refresh. Raises InvalidToken (unknown) or Fault (cannot know now)."""


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """Only the verifier makes these: every check has passed."""

    claims: VerifiedClaims
    key: VerifyingKey


class TokenVerifier:
    """Verifies access tokens of one issuer for one resource."""

    def __init__(
        self,
        *,
        keys: KeySource,
        issuer: str,
        audiences: frozenset[str],
        algorithms: frozenset[str],
        clock: Callable[[], float] = time.time,
        remembered: int = REMEMBERED_TOKENS,
    ) -> None:
        """`audiences` are the resource and its explicit aliases; `clock` gives seconds since 1970."""
        self._keys = keys
        self._issuer = issuer
        self._audiences = audiences
        self._algorithms = algorithms
        self._clock = clock
        self._capacity = remembered
        self._remembered: dict[bytes, VerifiedToken] = {}

    def remembered(self, unverified_token: str) -> VerifiedToken | None:
        """The outcome of an earlier verification, unless the token has expired or its key was withdrawn since.

        The hash is of the whole token: header and signature included, so that nothing rides on a verified payload.
        """
        digest = hashlib.sha256(unverified_token.encode("utf-8", "surrogatepass")).digest()
        token = self._remembered.get(digest)
        if token is None:
            return None
        if self._clock() < token.claims.expires_at and self._keys.held(token.key.kid) is token.key:
            return token
        del self._remembered[digest]
        return None

    async def verify(self, unverified_token: str) -> VerifiedToken:
        """Verify. Raises InvalidToken with the private reason, or Fault while keys cannot be had."""
        known = self.remembered(unverified_token)
        if known is not None:
            return known
        unverified = _split(unverified_token)
        kid = check_header(unverified.header, allowed_algorithms=self._algorithms)
        key = self._keys.held(kid) or await self._keys.find(kid)
        # The key decides the algorithm; a header that says otherwise is a trick (RFC 8725 section 3.1).
        if unverified.header["alg"] != key.algorithm:
            raise InvalidToken("alg", "alg is not the one that this key is for")
        if not key.verify(unverified.signing_input, unverified.signature):
            raise InvalidToken("signature", "the signature is not by the key that kid names")
        claims = check_claims(unverified.claims(), issuer=self._issuer, audiences=self._audiences, now=self._clock())
        token = VerifiedToken(claims, key)
        self._remember(unverified_token, token)
        return token

    def _remember(self, verified_token: str, token: VerifiedToken) -> None:
        while len(self._remembered) >= self._capacity:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[hashlib.sha256(verified_token.encode()).digest()] = token


@dataclass(frozen=True, slots=True)
class _UnverifiedParts:
    header: dict[str, Any]
    payload: bytes
    signing_input: bytes
    signature: bytes

    def claims(self) -> dict[str, Any]:
        """Read only once the signature is known to be good."""
        try:
            return parse_json_object(self.payload)
        except BadJson as exc:
            raise InvalidToken("payload", str(exc)) from exc


_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


def _split(unverified_token: str) -> _UnverifiedParts:
    if len(unverified_token) > MAX_TOKEN_BYTES:
        raise InvalidToken("size", f"longer than {MAX_TOKEN_BYTES} bytes")
    if _COMPACT.fullmatch(unverified_token) is None:
        raise InvalidToken("form", "not three parts of base64url without padding")
    signing_input, _, signature = unverified_token.rpartition(".")
    header, _, payload = signing_input.partition(".")
    try:
        unverified_header = parse_json_object(_decode(header))
    except BadJson as exc:
        raise InvalidToken("header", str(exc)) from exc
    return _UnverifiedParts(unverified_header, _decode(payload), signing_input.encode("ascii"), _decode(signature))


def _decode(segment: str) -> bytes:
    """Strict base64url (RFC 7515 section 2): the last character has no bits to spare, so one value has one spelling."""
    try:
        data = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except binascii.Error as exc:
        raise InvalidToken("form", "a part is not base64url") from exc
    if base64.urlsafe_b64encode(data).rstrip(b"=") != segment.encode("ascii"):
        raise InvalidToken("form", "a part is not canonical base64url")
    return data
