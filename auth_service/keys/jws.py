"""Compact JWS made and checked with one key: the arithmetic is joserfc's, what can be prepared is prepared once.

Signing is what a token endpoint spends its time on, so nothing is done per token but what differs per token.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64decode
from pydantic_core import to_json

from shared.access_token import MAX_TOKEN_BYTES, InvalidToken

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auth_service.keys.key_generation import AsymmetricKey


class _Ready:
    """A joserfc key whose working part is looked up once: the library does that anew for each signature."""

    def __init__(self, key: AsymmetricKey, operation: Literal["sign", "verify"]) -> None:
        self._key = key
        self._part = key.get_op_key(operation)

    def get_op_key(self, _operation: str) -> Any:
        return self._part

    def __getattr__(self, name: str) -> Any:
        return getattr(self._key, name)


class SigningKey:
    """The active key, ready to sign."""

    def __init__(self, kid: str, algorithm: str, key: AsymmetricKey) -> None:
        self.kid = kid
        self._algorithm = algorithm
        self._key: Any = _Ready(key, "sign")
        self._sign = JWSRegistry.algorithms[algorithm].sign
        self._headers: dict[str, bytes] = {}

    def sign(self, claims: Mapping[str, Any], *, typ: str) -> str:
        """A compact JWS. The header of each `typ` is encoded once; the callers' types are few and fixed."""
        header = self._headers.get(typ)
        if header is None:
            header = self._headers[typ] = self._encoded_header(typ)
        signing_input = header + urlsafe_b64encode(to_json(claims)).rstrip(b"=")
        signature = urlsafe_b64encode(self._sign(signing_input, self._key)).rstrip(b"=")
        return (signing_input + b"." + signature).decode("ascii")

    def _encoded_header(self, typ: str) -> bytes:
        header = {"alg": self._algorithm, "kid": self.kid, "typ": typ}
        return urlsafe_b64encode(to_json(header)).rstrip(b"=") + b"."


class VerifyingKey:
    """A published key, ready to check signatures."""

    def __init__(self, algorithm: str, key: AsymmetricKey) -> None:
        self.algorithm = algorithm
        self._key: Any = _Ready(key, "verify")
        self._verify = JWSRegistry.algorithms[algorithm].verify

    def verifies(self, signing_input: bytes, signature: bytes) -> bool:
        """Whether this key made the signature."""
        return self._verify(signing_input, signature, self._key)


@dataclass(frozen=True, slots=True)
class UnverifiedToken:
    """A compact JWS taken apart. Nothing of it has been checked but its form."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signing_input: bytes
    signature: bytes


def parse_compact_jws(unverified_token: str) -> UnverifiedToken:
    """Decode the three parts. Raises InvalidToken for what is not a compact JWS of JSON objects."""
    if len(unverified_token) > MAX_TOKEN_BYTES:
        raise InvalidToken("size", "the token is longer than any that is issued")
    try:
        signing_input, signature = unverified_token.encode("ascii").rsplit(b".", 1)
        header, claims = map(_decode_part, signing_input.split(b"."))
        return UnverifiedToken(header, claims, signing_input, urlsafe_b64decode(signature))
    except (ValueError, RecursionError) as exc:
        raise InvalidToken("form", "the token is not a compact JWS with JSON inside") from exc


def _decode_part(text: bytes) -> dict[str, Any]:
    content = json.loads(urlsafe_b64decode(text))
    if not isinstance(content, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - one kind of fault for the caller
    return content
