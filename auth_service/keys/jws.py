"""Compact JWS made and checked with one key: the arithmetic is joserfc's, what can be prepared is prepared once.

Signing is what a token endpoint spends its time on, so nothing is done per token but what differs per token.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Any, Final

from joserfc.jws import JWSRegistry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auth_service.keys.material import AsymmetricKey

_encode_json: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False, allow_nan=False).encode


class SigningKey:
    """The active key, ready to sign."""

    def __init__(self, kid: str, algorithm: str, key: AsymmetricKey) -> None:
        self.kid = kid
        self._algorithm = algorithm
        self._key = key
        self._sign = JWSRegistry.algorithms[algorithm].sign
        self._headers: dict[str, bytes] = {}

    def sign(self, claims: Mapping[str, Any], *, typ: str) -> str:
        """A compact JWS. The header of each `typ` is encoded once; the callers' types are few and fixed."""
        header = self._headers.get(typ)
        if header is None:
            header = self._headers[typ] = self._encoded_header(typ)
        signing_input = header + urlsafe_b64encode(_encode_json(dict(claims)).encode()).rstrip(b"=")
        signature = urlsafe_b64encode(self._sign(signing_input, self._key)).rstrip(b"=")
        return (signing_input + b"." + signature).decode("ascii")

    def _encoded_header(self, typ: str) -> bytes:
        header = {"alg": self._algorithm, "kid": self.kid, "typ": typ}
        return urlsafe_b64encode(_encode_json(header).encode()).rstrip(b"=") + b"."


class VerifyingKey:
    """A published key, ready to check signatures."""

    def __init__(self, algorithm: str, key: AsymmetricKey) -> None:
        self.algorithm = algorithm
        self._key = key
        self._verify = JWSRegistry.algorithms[algorithm].verify

    def verifies(self, signing_input: bytes, signature: bytes) -> bool:
        """Whether this key made the signature."""
        return self._verify(signing_input, signature, self._key)
