"""Verifies a status list token and reads the bits of its list (Token Status List draft, section 5.1).

The same order as for an access token: header, key, signature, claims. Size is bounded before and after inflating
(list_encoding.py).
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mcp_service.status_lists.list_encoding import read_bits
from shared.access_tokens.profile import STATUS_LIST_TYPE
from shared.jose.jws import InvalidToken, parse_compact_jws

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping

    from mcp_service.status_lists.list_encoding import ListForm
    from shared.access_tokens.verifier import VerificationKeyResolver
    from shared.jose.jws import UnverifiedJws
    from shared.jose.keys import VerificationKey

IN_THREAD_BYTES: Final = 64 * 1024
"""A longer list takes milliseconds to read, which requests would wait for."""
LEEWAY_SECONDS: Final = 5
"""For clocks that disagree."""


class StatusList(NamedTuple):
    """A list that passed every check. Times in seconds since 1970."""

    uri: str
    bits: bytes
    """One bit per entry, the least significant of a byte first; set for a token that is not to be accepted."""
    issued_at: int
    expires_at: float
    """Infinite for a list that does not expire."""
    ttl: float | None
    """For how many seconds the list may be used before it is fetched again, if the issuer says so."""


class ListReader:
    """Verifies the lists of one issuer."""

    def __init__(
        self,
        *,
        issuer: str,
        keys: VerificationKeyResolver,
        algorithms: frozenset[str],
        form: ListForm,
        clock: Callable[[], float],
    ) -> None:
        """`clock` is seconds since 1970."""
        self._issuer = issuer
        self._keys = keys
        self._algorithms = algorithms
        self._form = form
        self._clock = clock

    def seconds_until(self, expires_at: float) -> float:
        """Seconds until a list expires, a leeway included."""
        return expires_at + LEEWAY_SECONDS - self._clock()

    async def read(self, unverified_token: str, *, addresses: Container[str]) -> StatusList:
        """Verify a list that was asked for at one of the addresses.

        Raises InvalidToken, or ServiceUnavailable while no key set can be trusted.
        """
        jws = parse_compact_jws(unverified_token, max_bytes=self._form.max_token_bytes)
        kid, algorithm = self._check_header(jws.header())
        key = self._keys.held(kid) or await self._keys.find(kid)
        if algorithm != key.algorithm:
            raise InvalidToken("alg", "alg is not the one that this key is for")
        if len(unverified_token) > IN_THREAD_BYTES:
            return await asyncio.to_thread(self._read, jws, key, addresses)
        return self._read(jws, key, addresses)

    def _read(self, jws: UnverifiedJws, key: VerificationKey, addresses: Container[str]) -> StatusList:
        if not key.verify(jws.signing_input, jws.signature):
            raise InvalidToken("signature", "the signature is not by the key that kid names")
        return self._check_claims(jws.payload(), addresses, now=self._clock())

    def _check_header(self, unverified_header: Mapping[str, Any]) -> tuple[str, str]:
        if unverified_header.get("typ") != STATUS_LIST_TYPE:
            raise InvalidToken("typ", f"typ is {unverified_header.get('typ')!r:.40}, not {STATUS_LIST_TYPE}")
        kid, algorithm = unverified_header.get("kid"), unverified_header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in self._algorithms:
            raise InvalidToken("alg", f"alg {algorithm!r:.40} is not in the configured list")
        if "crit" in unverified_header or unverified_header.get("b64") is not None:
            raise InvalidToken("crit", "the header has extensions, none of which is understood")
        if not isinstance(kid, str) or not 0 < len(kid) <= 200:
            raise InvalidToken("kid", "kid is missing or not a short string")
        return kid, algorithm

    def _check_claims(self, claims: Mapping[str, Any], addresses: Container[str], *, now: float) -> StatusList:
        if claims.get("iss", None if self._form.is_complete else self._issuer) != self._issuer:
            raise InvalidToken("iss", f"iss is {claims.get('iss')!r:.200}, not the configured issuer")
        uri = claims.get("sub")
        if not isinstance(uri, str) or uri not in addresses:
            raise InvalidToken("sub", f"sub is {uri!r:.200}, not the list that was asked for")
        issued_at = claims.get("iat")
        if type(issued_at) is not int or issued_at > now + LEEWAY_SECONDS:
            raise InvalidToken("iat", "iat is missing, not a whole number, or in the future")
        expires_at = claims.get("exp", None if self._form.is_complete else math.inf)
        if not (type(expires_at) is int or expires_at is math.inf) or expires_at <= now - LEEWAY_SECONDS:
            raise InvalidToken("exp", "exp is missing, not a whole number, or past")
        ttl: Any = claims.get("ttl")
        if "ttl" in claims and not (type(ttl) in {int, float} and ttl > 0):
            raise InvalidToken("ttl", "ttl is not a positive number")
        return StatusList(uri, read_bits(claims.get("status_list"), self._form), issued_at, expires_at, ttl)
