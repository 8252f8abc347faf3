"""Signing and verifying compact JWS (RFC 7515): the interface for the rest of auth_service, and the keys behind it.

joserfc does the cryptography. Everything that does not differ between tokens is prepared once per key, because signing
dominates the cost of a token response.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64decode
from pydantic_core import to_json

from shared.access_token import MAX_TOKEN_BYTES, InvalidToken

if TYPE_CHECKING:
    from auth_service.keys.key_generation import AsymmetricKey


class Signer(Protocol):
    """Signs with the active key and verifies tokens signed with any published key."""

    def ready(self) -> None:
        """Raise ServiceUnavailable if no active key is loaded: called before anything is consumed (invariant 8)."""

    def sign(self, claims: Mapping[str, Any], *, typ: str) -> str:
        """A compact JWS with `kid`, `alg` and `typ` in its header, signed with the active key.

        Raises ServiceUnavailable.
        """

    def verify(self, unverified_token: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Verify the signature with the published keys; returns the header and the claims, which are unchecked.

        Raises shared.access_token.InvalidToken.
        """


class CachedKey:
    """A joserfc key that looks its cryptographic key up once; joserfc does so for each signature."""

    def __init__(self, key: AsymmetricKey, operation: Literal["sign", "verify"]) -> None:
        self._key = key
        self._operation_key = key.get_op_key(operation)

    def get_op_key(self, _operation: str) -> Any:
        """The private or public key of `cryptography`."""
        return self._operation_key

    def __getattr__(self, name: str) -> Any:
        return getattr(self._key, name)


class SigningKey:
    """The private half of the active key."""

    def __init__(self, kid: str, algorithm: str, key: AsymmetricKey) -> None:
        self.kid = kid
        self._algorithm = algorithm
        self._key: Any = CachedKey(key, "sign")
        self._sign = JWSRegistry.algorithms[algorithm].sign
        self._headers: dict[str, bytes] = {}

    def sign(self, claims: Mapping[str, Any], *, typ: str) -> str:
        """A compact JWS. The header is encoded once for each `typ`; callers use a few fixed types."""
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
    """The public half of a published key."""

    def __init__(self, algorithm: str, key: AsymmetricKey) -> None:
        self.algorithm = algorithm
        self._key: Any = CachedKey(key, "verify")
        self._verify = JWSRegistry.algorithms[algorithm].verify

    def verifies(self, signing_input: bytes, signature: bytes) -> bool:
        """Whether this key made the signature."""
        return self._verify(signing_input, signature, self._key)


@dataclass(frozen=True, slots=True)
class UnverifiedToken:
    """The parts of a compact JWS. Only its form has been checked."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signing_input: bytes
    signature: bytes


def parse_compact_jws(unverified_token: str) -> UnverifiedToken:
    """Decode the three parts. Raises InvalidToken if it is not a compact JWS of JSON objects."""
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
        raise ValueError("not a JSON object")  # noqa: TRY004 - the caller handles one kind of exception
    return content
