"""A private key that signs compact JWS. The cryptography is joserfc's; the key is prepared once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from joserfc.jws import JWSRegistry
from pydantic_core import to_json

from shared.jose import base64url
from shared.jose.keys import CachedKey

if TYPE_CHECKING:
    from joserfc.jwk import Key


class SigningKey:
    """One private key with the one algorithm it is for."""

    def __init__(self, kid: str, algorithm: str, key: Key) -> None:
        self.kid = kid
        self._algorithm = algorithm
        self._key: Any = CachedKey(key, "sign")
        self._sign = JWSRegistry.algorithms[algorithm].sign
        self._headers: dict[str, str] = {}

    def sign(self, claims: Mapping[str, Any], *, typ: str) -> str:
        """A compact JWS. The header is encoded once for each `typ`; callers use a few fixed types."""
        header = self._headers.get(typ)
        if header is None:
            header = self._headers[typ] = self._encoded_header(typ)
        signing_input = header + base64url.encode(to_json(claims))
        return f"{signing_input}.{base64url.encode(self._sign(signing_input.encode(), self._key))}"

    def _encoded_header(self, typ: str) -> str:
        header = {"alg": self._algorithm, "kid": self.kid, "typ": typ}
        return base64url.encode(to_json(header)) + "."
