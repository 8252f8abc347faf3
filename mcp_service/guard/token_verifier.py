"""From an unverified token to a verified one, offline (invariant 2).

Free of any web framework. Owns: the form of a compact JWS, the signature, the memory of tokens already verified.
Does not own: the rules for header and claims (shared/access_token.py), nor where keys come from (KeySource).

joserfc leaves some of this open (it does not look at `typ`, takes a token without `kid` if there is one key, and up to
1.7 took `exp: NaN` for a time without end): only its signature primitive is used, and a test pins what that does.
"""

from __future__ import annotations

import binascii
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from shared.access_token import MAX_TOKEN_BYTES, InvalidToken, VerifiedClaims, check_claims, check_header
from shared.jose.strict_json import BadJson, parse_json_object

REMEMBERED_TOKENS: Final = 10_000
REMEMBERED_HEADERS: Final = 64


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
        """The key, perhaps after one shared refresh.

        Raises InvalidToken (unknown) or ServiceUnavailable (cannot know now).
        """


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
        self._headers: dict[bytes, tuple[str, str]] = {}

    def remembered(self, unverified_token: str) -> VerifiedToken | None:
        """The outcome of an earlier verification, unless the token has expired or its key was withdrawn since."""
        return self._look_up(_digest(unverified_token))

    async def verify(self, unverified_token: str) -> VerifiedToken:
        """Verify. Raises InvalidToken with the private reason, or ServiceUnavailable while keys cannot be had."""
        digest = _digest(unverified_token)
        known = self._look_up(digest)
        if known is not None:
            return known
        header, payload, signature, signing_input = _split(unverified_token)
        kid, algorithm = self._check_header(header)
        key = self._keys.held(kid) or await self._keys.find(kid)
        # The key decides the algorithm; a header that says otherwise is a trick (RFC 8725 section 3.1).
        if algorithm != key.algorithm:
            raise InvalidToken("alg", "alg is not the one that this key is for")
        if not key.verify(signing_input, _decode(signature)):
            raise InvalidToken("signature", "the signature is not by the key that kid names")
        claims = check_claims(
            _parse("payload", payload), issuer=self._issuer, audiences=self._audiences, now=self._clock()
        )
        token = VerifiedToken(claims, key)
        self._remember(digest, token)
        return token

    def _check_header(self, segment: bytes) -> tuple[str, str]:
        """The unverified kid and algorithm. All tokens of one key share one header: it is read once."""
        known = self._headers.get(segment)
        if known is None:
            unverified_header = _parse("header", segment)
            kid = check_header(unverified_header, allowed_algorithms=self._algorithms)
            known = kid, unverified_header["alg"]
            if len(self._headers) >= REMEMBERED_HEADERS:
                self._headers.clear()
            self._headers[segment] = known
        return known

    def _look_up(self, digest: bytes) -> VerifiedToken | None:
        token = self._remembered.get(digest)
        if token is None:
            return None
        if self._clock() < token.claims.expires_at and self._keys.held(token.key.kid) is token.key:
            return token
        del self._remembered[digest]
        return None

    def _remember(self, digest: bytes, token: VerifiedToken) -> None:
        while len(self._remembered) >= self._capacity:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[digest] = token


def _digest(unverified_token: str) -> bytes:
    """Of the whole token, header and signature included: nothing rides on a payload that was verified once."""
    return hashlib.sha256(unverified_token.encode("utf-8", "surrogatepass")).digest()


def _split(unverified_token: str) -> tuple[bytes, bytes, bytes, bytes]:
    """Header, payload and signature in the decoder's alphabet, and the input of the signature as it came."""
    if len(unverified_token) > MAX_TOKEN_BYTES:
        raise InvalidToken("size", f"longer than {MAX_TOKEN_BYTES} bytes")
    try:
        text = unverified_token.encode("ascii")
    except UnicodeEncodeError as exc:
        raise InvalidToken("form", "not ASCII") from exc
    segments = text.translate(_STANDARD_ALPHABET).split(b".")
    if len(segments) != 3 or not all(segments):
        raise InvalidToken("form", "not three parts")
    header, payload, signature = segments
    return header, payload, signature, text[: text.rindex(b".")]


def _parse(part: str, segment: bytes) -> dict[str, Any]:
    try:
        return parse_json_object(_decode(segment))
    except BadJson as exc:
        raise InvalidToken(part, str(exc)) from exc


_STANDARD_ALPHABET: Final = bytes.maketrans(b"-_+/=", b"+/!!!")
"""From the URL-safe alphabet to the one that the decoder knows; what is foreign to the former stays foreign."""

_LAST_WITHOUT_SPARE_BITS: Final = {2: frozenset(b"AQgw"), 3: frozenset(b"AEIMQUYcgkosw048")}
"""By the length of the last group: the characters whose spare bits are zero."""


def _decode(segment: bytes) -> bytes:
    """Strict base64 without padding (RFC 7515 section 2): one value has one spelling."""
    rest = len(segment) % 4
    if rest == 1 or (rest and segment[-1] not in _LAST_WITHOUT_SPARE_BITS[rest]):
        raise InvalidToken("form", "a part is not canonical base64url")
    try:
        return binascii.a2b_base64(segment + b"=" * (-rest % 4), strict_mode=True)
    except binascii.Error as exc:
        raise InvalidToken("form", "a part is not base64url") from exc
