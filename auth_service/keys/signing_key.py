"""The private half of the active key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joserfc.jws import JWSRegistry
from pydantic_core import to_json

from shared.jose import base64url
from shared.jose.keys import CachedKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from joserfc.jwk import Key


class SigningKey:
    """Signs; the key object of the library is made once."""

    def __init__(self, kid: str, algorithm: str, key: Key) -> None:
        self.kid = kid
        self._algorithm = algorithm
        self._key: Any = CachedKey(key, "sign")
        self._sign = JWSRegistry.algorithms[algorithm].sign
        self._headers: dict[str, str] = {}

    def sign(self, claims: Mapping[str, Any], *, typ: str) -> str:
        """A compact JWS."""
        text = self.signing_input(claims, typ=typ)
        return compact(text, self.signature(text.encode()))

    def signing_input(self, claims: Mapping[str, Any], *, typ: str) -> str:
        """Header and payload (RFC 7515 section 5.1). The header is encoded once per `typ`: callers use a few."""
        header = self._headers.get(typ)
        if header is None:
            header = self._headers[typ] = self._encoded_header(typ)
        return header + base64url.encode(to_json(claims))

    def signature(self, signing_input: bytes) -> bytes:
        """The signature only; any thread may call this."""
        return self._sign(signing_input, self._key)

    def _encoded_header(self, typ: str) -> str:
        header = {"alg": self._algorithm, "kid": self.kid, "typ": typ}
        return base64url.encode(to_json(header)) + "."


def compact(signing_input: str, signature: bytes) -> str:
    """The compact serialization (RFC 7515 section 7.1)."""
    return f"{signing_input}.{base64url.encode(signature)}"
