"""From an unverified status list token to the bits of a list (Token Status List draft, section 5.1).

The same order as for an access token: header, key, signature, claims. Size is bounded before and after inflating.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from shared.jose import base64url
from shared.jose.jws import InvalidToken, parse_compact_jws

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shared.access_tokens.verifier import VerificationKeyResolver

TYPE: Final = "statuslist+jwt"
LIST_BYTES: Final = 8192
"""2^16 entries of one bit."""
MAX_LIST_BYTES: Final = 24 * 1024
"""Of a token: entries at random do not compress, and are encoded twice."""
LEEWAY_SECONDS: Final = 5
"""For clocks that disagree."""


class StatusList(NamedTuple):
    """A list that passed every check. Bit 0 of a byte is the least significant."""

    uri: str
    bits: bytes


class ListReader:
    """Verifies the lists of one issuer."""

    def __init__(
        self,
        *,
        issuer: str,
        keys: VerificationKeyResolver,
        algorithms: frozenset[str],
        clock: Callable[[], float],
    ) -> None:
        """`clock` is seconds since 1970."""
        self._issuer = issuer
        self._keys = keys
        self._algorithms = algorithms
        self._clock = clock
        self.prefix = f"{issuer}/status-lists/"
        """The beginning of the address of each list of this issuer."""

    async def read(self, unverified_token: str) -> StatusList:
        """Verify. Raises InvalidToken, or ServiceUnavailable while no key set can be trusted."""
        jws = parse_compact_jws(unverified_token, max_bytes=MAX_LIST_BYTES)
        kid, algorithm = self._check_header(jws.header())
        key = self._keys.held(kid) or await self._keys.find(kid)
        if algorithm != key.algorithm:
            raise InvalidToken("alg", "alg is not the one that this key is for")
        if not key.verify(jws.signing_input, jws.signature):
            raise InvalidToken("signature", "the signature is not by the key that kid names")
        return self._check_claims(jws.payload(), now=self._clock())

    def _check_header(self, unverified_header: Mapping[str, Any]) -> tuple[str, str]:
        if unverified_header.get("typ") != TYPE:
            raise InvalidToken("typ", f"typ is {unverified_header.get('typ')!r:.40}, not {TYPE}")
        kid, algorithm = unverified_header.get("kid"), unverified_header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in self._algorithms:
            raise InvalidToken("alg", f"alg {algorithm!r:.40} is not in the configured list")
        if "crit" in unverified_header or unverified_header.get("b64") is not None:
            raise InvalidToken("crit", "the header has extensions, none of which is understood")
        if not isinstance(kid, str) or not 0 < len(kid) <= 200:
            raise InvalidToken("kid", "kid is missing or not a short string")
        return kid, algorithm

    def _check_claims(self, claims: Mapping[str, Any], *, now: float) -> StatusList:
        if claims.get("iss") != self._issuer:
            raise InvalidToken("iss", f"iss is {claims.get('iss')!r:.200}, not the configured issuer")
        uri = claims.get("sub")
        if not isinstance(uri, str) or not uri.startswith(self.prefix):
            raise InvalidToken("sub", f"sub is {uri!r:.200}, not a list of the configured issuer")
        issued_at, expires_at = claims.get("iat"), claims.get("exp")
        if type(issued_at) is not int or issued_at > now + LEEWAY_SECONDS:
            raise InvalidToken("iat", "iat is missing, not a whole number, or in the future")
        if type(expires_at) is not int or expires_at <= now - LEEWAY_SECONDS:
            raise InvalidToken("exp", "exp is missing, not a whole number, or past")
        return StatusList(uri, _bits(claims.get("status_list")))


def _bits(status_list: Any) -> bytes:
    if not isinstance(status_list, dict) or type(status_list.get("bits")) is not int or status_list["bits"] != 1:
        raise InvalidToken("status_list", "status_list is not one of one bit an entry")
    lst = status_list.get("lst")
    if not isinstance(lst, str):
        raise InvalidToken("status_list", "lst is not a string")
    inflating = zlib.decompressobj()
    try:
        bits = inflating.decompress(base64url.decode(lst), LIST_BYTES + 1)
    except (ValueError, zlib.error) as exc:
        raise InvalidToken("status_list", "lst is not base64url of zlib") from exc
    # The whole stream, with its checksum, is within the bound.
    if len(bits) != LIST_BYTES or not inflating.eof or inflating.unused_data:
        raise InvalidToken("status_list", f"lst is not a list of {LIST_BYTES} bytes")
    return bits
